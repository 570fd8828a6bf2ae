/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays xenopsd around one live migration, as far as an emu-manager can see: the domain on the destination, the handshakes, what goes
 * over the stream before and behind the libxc part, the manager's environment and descriptors, the control lines, and its traps: the
 * reader thread that is on the stream while the manager starts, no time limit, the exit status ignored.
 *
 * usage: xenops send ADDRESS PORT DOMID [OPTION VALUE]...
 *        xenops receive PORT [OPTION VALUE]...
 *   --manager PATH           the emu-manager of xenopsd.conf
 *   --stream tcp|unix|pipe   what the manager gets: the connection, or a relay's socket (stunnel) or pipe (zstd)
 *   --claim PAGES|total      claimed for the domain before the manager starts (nothing)
 *   --pnode N                -mem_pnode N, as after a node claim
 *   --live true|false        (true)
 *   --env NAME=VALUE         in the manager's environment, besides PATH
 *   --forged FILE            its bytes go to the stream before the manager may write, as if a supervisor had written them
 *   --at STEP=COMMAND        a shell command when STEP is reached, with $MANAGER (pid) and $DOMID; "abort": what xenopsd does to cancel
 *
 * stdout: "step NAME SECONDS" (CLOCK_MONOTONIC) for each step, "line TEXT" for each control line. Steps of the source: started, prepare (asked for),
 * prepared (answered), suspend, suspended (not yet answered), result, over; of the destination: created, started, restore (told to), populating (a quarter of
 * the pages is there), result, over. Exit: 0 migrated; 1 not, and the guest stays on the source; 3 a manager hung or left someone hanging.
 */
#define _GNU_SOURCE
#include "xenops.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "domain.h"

enum { SUSPEND_SECONDS = 60, OVERHEAD_KIB = 4096 };
enum { MIGRATED = 0, FAILED = 1, USAGE = 2, HUNG = 3 };

static const char signature[] = "XenSavedDomv2-\n";
static const char xenops_record[] = "((time 20260101T00:00:00Z)(word_size 64)(vm_str ())(xs_subtree ()))";

struct options option = { .stream = "tcp", .live = "true" };
struct run run;

/* ---- the source ---- */

/* Its control lines up to the result; 0, or -1 with the reason said. *suspended: the guest needs a resume if it goes wrong. */
static int save_lines(uint32_t domid, int *suspended)
{
    for (char *line; (line = next_line());) {
        if (!strcmp(line, "prepare:xenguest")) {
            step("prepare");
            if (send_record(run.stream, RECORD_LIBXC, "") || forge() || say("done\n"))
                return -1;
            step("prepared");
        } else if (!strncmp(line, "suspend:", 8)) {
            step("suspend");
            *suspended = 1;
            if (domain_suspend(domid, SUSPEND_SECONDS))
                return -1;
            step("suspended"); /* before the manager knows: it is through in no time, and what is done to it would come too late */
            if (say("done\n"))
                return -1;
        } else if (!strncmp(line, "result:", 7)) {
            step("result");
            return 0;
        } else if (!strncmp(line, "error:", 6)) {
            return -1;
        } else if (!strchr(line, ':')) {
            fprintf(stderr, "xenops: not a control line: %s\n", line);
            return -1;
        }
    }
    fprintf(stderr, "xenops: the control channel ended without a result\n");
    return -1;
}

static int send_side(const char *host, const char *port, uint32_t domid)
{
    struct domain_state state = { 0 };
    struct domain guest;
    char words[256], id[16];
    char *arguments[] = { (char *)option.manager, "-controloutfd", "4", "-controlinfd", "5", "-fd", "6", "-mode", "hvm_save", "-domid", id, NULL, NULL, NULL };
    int vm = -1, suspended = 0, r = FAILED;

    domain_open();
    if (domain_named(domid, &guest) || domain_state(domid, &state)) {
        fprintf(stderr, "xenops: no domain %u\n", domid);
        return FAILED;
    }
    run.domid = domid;
    snprintf(id, sizeof(id), "%u", domid);
    if (!strcmp(option.live, "true")) {
        arguments[11] = "-live";
        arguments[12] = "true";
    }
    /* PUT /migrate/vm with its cookies, then PUT /migrate/mem. */
    snprintf(words, sizeof(words), "%s %s %u %" PRIu64 " %" PRIu64 "\n", guest.uuid, guest.name, state.vcpus, state.max_pages * 4, state.tot_pages);
    vm = connected(host, port);
    if (vm < 0 || send_all(vm, words, strlen(words)) || agreed(vm, "to have the domain"))
        return FAILED;
    run.stream = connected(host, port);
    if (run.stream < 0 || agreed(run.stream, "to take its memory"))
        return FAILED;
    run.stream = relayed(run.stream, 1);
    if (send_all(run.stream, signature, sizeof(signature) - 1) || send_record(run.stream, RECORD_XENOPS, xenops_record)) {
        perror("xenops: stream");
        return FAILED;
    }
    if (start_manager(arguments))
        return FAILED;
    r = save_lines(domid, &suspended) ? FAILED : MIGRATED;
    close(run.in);
    close(run.out);
    if (wait_manager())
        r = HUNG;
    if (r == MIGRATED && send_record(run.stream, RECORD_END, ""))
        r = FAILED;
    close(run.stream);
    if (r == MIGRATED && (agree(vm) || agreed(vm, "that it runs there")))
        r = FAILED;
    close(vm);
    if (r == MIGRATED)
        domain_destroy(&guest);
    else if (suspended && !domain_state(domid, &state) && state.shutdown >= 0 && domain_resume(domid))
        fprintf(stderr, "xenops: the guest is lost\n");
    step("over");
    return r;
}

/* ---- the destination ---- */

/* xenopsd's reader: on the stream while the manager starts, and again right behind the result. */
static void *reader(void *none)
{
    (void)none;
    if (read_record(RECORD_XENOPS) || read_record(RECORD_LIBXC))
        return "the stream ended before its libxc part";
    run.told = 1;
    if (say("restore:xenguest\n"))
        return "restore:xenguest could not be said";
    step("restore");
    while (!run.restored && !run.over)
        usleep(2000);
    if (run.over && !run.restored)
        return "no result";
    return read_record(RECORD_END) ? "no end of image behind the libxc part" : NULL;
}

static void *watch(void *none)
{
    struct domain_state state;

    (void)none;
    while (!run.over && !domain_state(run.domid, &state)) {
        if (state.tot_pages > run.pages / 4) {
            step("populating");
            break;
        }
        usleep(2000);
    }
    return NULL;
}

/* Its control lines; MIGRATED with both frames, FAILED, or HUNG where xenopsd would wait for ever. */
static int restore_lines(unsigned long *store, unsigned long *console)
{
    int got = 0, error = 0;

    for (;;) {
        /* After the result the end of the channel must follow: somebody who keeps it open keeps xenopsd waiting. */
        struct pollfd p = { .fd = run.out, .events = POLLIN };
        char *line;

        if ((got || error) && !memchr(run.buffer, '\n', run.used) && poll(&p, 1, HANG_SECONDS * 1000) == 0) {
            fprintf(stderr, "xenops: hung: the control channel stays open after its last line\n");
            return HUNG;
        }
        line = next_line();
        if (!line)
            break;
        if (sscanf(line, "result:xenguest %lu %lu", store, console) == 2) {
            got = 1;
            step("result");
            run.restored = 1;
        } else if (!strncmp(line, "error:", 6) || !strncmp(line, "suspend:", 8) || !strncmp(line, "prepare:", 8) || !strchr(line, ':')) {
            error = 1;
            break;
        }
    }
    if (!got && !error && run.told && !run.aborted) {
        fprintf(stderr, "xenops: hung: the control channel ended without a line\n");
        return HUNG;
    }
    return got && !error ? MIGRATED : FAILED;
}

static int read_words(int vm, struct domain *guest, unsigned *vcpus, uint64_t *max_kib)
{
    char words[256] = "";

    for (size_t i = 0; i < sizeof(words) - 1; i++)
        if (receive_all(vm, words + i, 1) || words[i] == '\n')
            break;
    return sscanf(words, "%36s %63s %u %" SCNu64 " %" SCNu64, guest->uuid, guest->name, vcpus, max_kib, &run.pages) == 5 ? 0 : -1;
}

static int receive_side(const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    struct domain guest = { 0 };
    char id[16], store_port[16], console_port[16], got[sizeof(signature)] = "";
    char *arguments[18] = { (char *)option.manager, "-controloutfd", "4", "-controlinfd", "5", "-mode", "hvm_restore", "-domid", id, "-fd", "6",
                            "-store_port", store_port, "-console_port", console_port };
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), vm, r = FAILED;
    unsigned long store = 0, console = 0;
    uint64_t max_kib = 0, claim;
    pthread_t threads[2];
    unsigned vcpus = 0;
    void *why;

    domain_open();
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 2)) {
        perror("xenops: listen");
        return FAILED;
    }
    vm = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (vm < 0 || read_words(vm, &guest, &vcpus, &max_kib)) {
        fprintf(stderr, "xenops: no domain announced\n");
        return FAILED;
    }
    claim = !option.claim ? 0 : !strcmp(option.claim, "total") ? run.pages : strtoull(option.claim, NULL, 10);
    if (domain_create(&guest, vcpus, max_kib + OVERHEAD_KIB, claim))
        return FAILED;
    run.domid = guest.id;
    step("created");
    snprintf(id, sizeof(id), "%u", guest.id);
    snprintf(store_port, sizeof(store_port), "%u", guest.store_port);
    snprintf(console_port, sizeof(console_port), "%u", guest.console_port);
    if (option.pnode) {
        arguments[15] = "-mem_pnode";
        arguments[16] = (char *)option.pnode;
    }
    if (agree(vm))
        goto out;
    run.stream = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (run.stream < 0 || agree(run.stream))
        goto out;
    run.stream = relayed(run.stream, 0);
    if (receive_all(run.stream, got, sizeof(signature) - 1) || strcmp(got, signature)) {
        fprintf(stderr, "xenops: no signature\n");
        goto out;
    }
    if (start_manager(arguments))
        goto out;
    pthread_create(&threads[0], NULL, reader, NULL);
    pthread_create(&threads[1], NULL, watch, NULL);
    r = restore_lines(&store, &console);
    if (r != MIGRATED)
        shutdown(run.stream, SHUT_RDWR); /* whoever reads there */
    run.over = 1;
    close(run.out);
    pthread_join(threads[0], &why);
    pthread_join(threads[1], NULL);
    close(run.in);
    if (r == MIGRATED && why) {
        fprintf(stderr, "xenops: %s\n", (char *)why);
        r = FAILED;
    }
    if (wait_manager())
        r = HUNG;
    close(run.stream);
    if (r == MIGRATED && (agreed(vm, "that all is sent") || domain_finish(&guest, store, console) || agree(vm)))
        r = FAILED;
out:
    if (r != MIGRATED)
        domain_destroy(&guest);
    close(vm);
    step("over");
    return r;
}

int main(int argc, char **argv)
{
    int first = argc > 1 && !strcmp(argv[1], "send") ? 5 : 3;

    for (int i = first; i + 1 < argc; i += 2) {
        static const struct {
            const char *name, **value;
        } known[] = { { "--manager", &option.manager }, { "--stream", &option.stream }, { "--claim", &option.claim },
                      { "--pnode", &option.pnode }, { "--live", &option.live }, { "--forged", &option.forged }, { "--env", &option.env } };
        size_t k = 0;

        while (k < sizeof(known) / sizeof(known[0]) && strcmp(argv[i], known[k].name))
            k++;
        if (k < sizeof(known) / sizeof(known[0]))
            *known[k].value = argv[i + 1];
        else if (!strcmp(argv[i], "--at") && option.nr_at < AT_MAX)
            option.at[option.nr_at++] = argv[i + 1];
        else
            argc = 0;
    }
    if (argc < first || (argc - first) % 2 || !option.manager) {
        fprintf(stderr, "usage: xenops send ADDRESS PORT DOMID | receive PORT, --manager PATH [OPTION VALUE]...\n");
        return USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    return first == 5 ? send_side(argv[2], argv[3], (uint32_t)atoi(argv[4])) : receive_side(argv[2]);
}
