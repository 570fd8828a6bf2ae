/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads emu-manager's command line, and says when a migration is none of ours. */
#include <exclaim/emu.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/limits.h>

enum { CONTROL_IN = 256, CONTROL_OUT, STREAM, DOMID, LIVE, MODE, DM, NODE, COMPRESS, ASKS, OTHER };

/*
 * The options of both managers, so that an abbreviation means the same here as there.  `debug`
 * takes no value in one of them; the other takes it for `debuglog`, whose value is then passed over
 * here like any word that is no option.
 */
static const struct option options[] = {
    { "controlinfd", required_argument, NULL, CONTROL_IN },
    { "controloutfd", required_argument, NULL, CONTROL_OUT },
    { "fd", required_argument, NULL, STREAM },
    { "domid", required_argument, NULL, DOMID },
    { "live", required_argument, NULL, LIVE },
    { "mode", required_argument, NULL, MODE },
    { "dm", required_argument, NULL, DM },
    { "mem_pnode", required_argument, NULL, NODE },
    { "compress", required_argument, NULL, COMPRESS },
    { "supports", required_argument, NULL, ASKS },
    { "store_port", required_argument, NULL, OTHER },
    { "console_port", required_argument, NULL, OTHER },
    { "debug", no_argument, NULL, OTHER },
    { "debuglog", required_argument, NULL, OTHER },
    { "fork", required_argument, NULL, OTHER },
    { "traceparent", required_argument, NULL, OTHER },
    { "tracestate", required_argument, NULL, OTHER },
    { "trace", required_argument, NULL, OTHER },
    { NULL, 0, NULL, 0 },
};

/* -1 for what is no number from 0 to @max. */
static int number(const char *text, int max)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    return errno || *end || end == text || value < 0 || value > max ? -1 : (int)value;
}

static bool set_mode(struct exclaim_emu_args *args, const char *mode)
{
    args->hvm = !strncmp(mode, "hvm_", 4);
    if (args->hvm) {
        mode += 4;
    }
    args->save = !strcmp(mode, "save");
    return args->save || !strcmp(mode, "restore");
}

void exclaim_emu_parse_args(int argc, char *const *argv, struct exclaim_emu_args *args)
{
    bool mode = false, asks = false;
    int c, domid = -1;

    *args = (struct exclaim_emu_args){
        .control_in = -1, .control_out = -1, .stream_fd = -1, .vgpu_fd = -1, .node = -1
    };
    /* The leading '-' hands over words that are no options, and so keeps getopt from sorting: the
     * real manager gets the words as they came, without a copy that there may be no memory for. */
    opterr = 0;
    optind = 0;
    while ((c = getopt_long_only(argc, argv, "-", options, NULL)) != -1) {
        switch (c) {
        case CONTROL_IN:
            args->control_in = number(optarg, INT_MAX);
            break;
        case CONTROL_OUT:
            args->control_out = number(optarg, INT_MAX);
            break;
        case STREAM:
            args->stream_fd = number(optarg, INT_MAX);
            break;
        case DOMID:
            domid = number(optarg, 0x7fef); /* below DOMID_FIRST_RESERVED, xen public/xen.h */
            break;
        case LIVE:
            args->live = !strcmp(optarg, "true");
            break;
        case MODE:
            mode = set_mode(args, optarg);
            args->restores = strstr(optarg, "restore");
            break;
        case DM:
            if (!strncmp(optarg, "vgpu:", 5)) {
                args->vgpu_fd = number(optarg + 5, INT_MAX);
            }
            break;
        case NODE:
            args->node = number(optarg, (int)EXCLAIM_NODES_MAX - 1);
            break;
        case COMPRESS:
            args->compress = strcmp(optarg, "false") != 0;
            break;
        case ASKS:
            asks = true;
            break;
        default:
            break;
        }
    }
    args->restores &= !asks;
    args->domid = domid < 0 ? 0 : (uint32_t)domid;
    args->known = mode && !asks && domid >= 0 && args->control_in > 2 && args->control_out > 2 &&
                  args->control_in != args->control_out;
}

const char *exclaim_emu_not_ours(const struct exclaim_emu_args *args)
{
    if (args->stream_fd < 0) {
        return "no stream is named";
    }
    if (args->compress) {
        return "a stream compressed by the restoring process";
    }
    if (args->save && !args->live) {
        return "not a live migration";
    }
    return NULL;
}
