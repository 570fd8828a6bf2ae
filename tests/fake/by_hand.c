/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One migration around any emu-manager, for trying them by hand:
 *
 *   by-hand [--src MANAGER] [--dst MANAGER] [--aware src|dst|both] [--way unix|tcp|pipe|file]
 *           [--suspend] [--pv] [--abort src|dst] [--pnode N]
 *           [--kill src:EXE|dst:EXE]
 *
 * The real ones start xenguest at its fixed path and without an environment: put fake-xenguest
 * there, and a /run/xen, in a mount namespace of its own.  Both sides are then one host, whose
 * model is /run/xen/exclaim-model.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"

static struct scene s;

static enum act abort_save(struct xenopsd *x, const char *step)
{
    (void)x;
    return strcmp(step, "suspend:") ? ACT_GO : ACT_ABORT;
}

static enum act abort_restore(struct xenopsd *x, const char *step)
{
    (void)x;
    return strcmp(step, "@restore") ? ACT_GO : ACT_ABORT;
}

static const char *victim;

static enum act kill_one(struct xenopsd *x, const char *step)
{
    pid_t pid = strcmp(step, x->restore ? "@taken" : "suspend:") ? 0 : xenopsd_find(victim);

    if (pid) {
        kill(pid, SIGKILL);
    }
    return ACT_GO;
}

static void show(const char *name, const struct peer *p)
{
    char *reports = scene_file(p, "reports");

    printf("%s: outcome %d (%s), status %x\n", name, (int)p->out->outcome, p->out->why,
           (unsigned int)p->out->status);
    for (uint32_t i = 0; i < p->out->nr; i++) {
        printf("  %s\n", p->out->line[i]);
    }
    printf("%s", reports);
    free(reports);
}

static void go(void **state)
{
    struct model_view view;

    (void)state;
    scene_run(&s);
    show("src", &s.src);
    show("dst", &s.dst);
    view = scene_domain(&s.dst, DST_DOMID);
    printf("destination: %u pages on node 0, %u on node 1, %u claimed\n",
           (unsigned int)view.pages[0], (unsigned int)view.pages[1],
           (unsigned int)view.outstanding);
    scene_end(&s);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "src", required_argument, NULL, 's' },   { "dst", required_argument, NULL, 'd' },
        { "aware", required_argument, NULL, 'a' }, { "way", required_argument, NULL, 'w' },
        { "suspend", no_argument, NULL, 'n' },     { "pv", no_argument, NULL, 'p' },
        { "abort", required_argument, NULL, 'x' }, { "pnode", required_argument, NULL, 'm' },
        { "kill", required_argument, NULL, 'k' },  { 0 },
    };
    static const char *const ways[] = { "unix", "tcp", "pipe", "file" };
    const struct CMUnitTest tests[] = { cmocka_unit_test(go) };
    int c;

    scene_init(&s);
    s.one_host = true;
    strcpy(s.src.model, "/run/xen/exclaim-model");
    strcpy(s.dst.model, s.src.model);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            s.src.manager = optarg;
            break;
        case 'd':
            s.dst.manager = optarg;
            break;
        case 'a':
            s.src.aware = strcmp(optarg, "dst") != 0;
            s.dst.aware = strcmp(optarg, "src") != 0;
            break;
        case 'w':
            for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
                s.way = strcmp(optarg, ways[i]) ? s.way : i;
            }
            break;
        case 'n':
            s.live = false;
            break;
        case 'p':
            s.pv = true;
            break;
        case 'x':
            s.src.at = strcmp(optarg, "src") ? NULL : abort_save;
            s.dst.at = strcmp(optarg, "dst") ? NULL : abort_restore;
            break;
        case 'k':
            victim = optarg + 4;
            *(strncmp(optarg, "src", 3) ? &s.dst.at : &s.src.at) = kill_one;
            break;
        case 'm':
            s.dst.mem_pnode = optarg;
            break;
        default:
            return 2;
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
