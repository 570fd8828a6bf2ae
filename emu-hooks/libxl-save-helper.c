/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands where libxl expects its save helper (LIBXL_SAVE_HELPER), on both sides of a migration.
 *
 * --save-domain (live, plain stream):
 *   1. count the domain's pages per node
 *   2. write image header, domain header and our record to the stream
 *   3. append the report, exec the real helper, SIGPIPE ignored: nothing of us stays in the data
 *      path
 *
 * --restore-domain (plain stream):
 *   1. peek at the stream; nothing is consumed
 *   2. check, match, claim, under the ledger's lock
 *   3. start the real helper with the placing object in it, stdin, stdout and stream untouched
 *   4. when it has ended: release leftovers, read the counts back, append the report
 *   5. end as it ended
 *
 * Anything else is the real helper's alone; but policy `strict` refuses a --restore-domain of an
 * unknown form.
 *
 * Invocation: by libxl.  Exit: the real helper's own; 3 when policy `strict` refuses before the
 * first page; 5 when the real helper cannot be started or the stream was spoilt half-way through
 * the record.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <exclaim/child.h>
#include <exclaim/libxl.h>
#include <exclaim/log.h>
#include <exclaim/session.h>

#include "../src/base/output.h"
#include "../src/base/stack.h"

#define HOOK "libxl-save-helper"

/* Between two looks at the domain's size where pages are placed by node affinity. */
#define TICK_MS 1

static int run_real(const char *path, char **argv)
{
    execv(path, argv);
    exclaim_say("start %s: %m", path);
    return 5;
}

/* Why this save is none of ours; NULL if it is. */
static const char *not_ours(const struct exclaim_libxl_args *args)
{
    if (args->stream_type != EXCLAIM_LIBXL_STREAM_PLAIN) {
        return "a checkpointed stream (Remus or COLO)";
    }
    if (args->save && !(args->flags & EXCLAIM_LIBXL_XCFLAGS_LIVE)) {
        return "not a live migration";
    }
    return NULL;
}

static enum exclaim_soft_affinity soft_affinity(uint32_t domid,
                                                const uint8_t uuid[EXCLAIM_UUID_BYTES])
{
    return exclaim_libxl_soft_affinity(EXCLAIM_LIBXL_USERDATA_DIR, domid, uuid);
}

static int save(struct exclaim_session *s, const struct exclaim_libxl_args *args, const char *path,
                char **argv)
{
    int rc;

    s->known.soft_affinity = soft_affinity;
    rc = exclaim_source_send(s, args->stream_fd);

    exclaim_session_ready(s);
    exclaim_session_report(s);
    exclaim_session_close(s);
    if (rc) {
        exclaim_say("%s", s->error);
        return 5;
    }
    /* A destination that refuses closes the stream.  Killed by SIGPIPE the real helper would leave
     * the running guest in log-dirty mode; with EPIPE it ends the save as it does any other. */
    signal(SIGPIPE, SIG_IGN);
    return run_real(path, argv);
}

static void tick(void *session)
{
    exclaim_dest_tick(session);
}

static int restore(struct exclaim_session *s, const struct exclaim_libxl_args *args,
                   const struct exclaim_inherited *inherited, const char *path, char **argv)
{
    struct exclaim_child_setup setup = { 0 };
    struct exclaim_error err = { 0 };
    char place[64];
    bool affinity;
    int status;
    pid_t pid;

    if (exclaim_dest_prepare(s, args->stream_fd, -1)) {
        exclaim_say("refused: %s", s->error);
        exclaim_session_report(s);
        exclaim_session_close(s);
        return 3;
    }
    exclaim_session_ready(s);
    if (!s->have_match) {
        /* Nothing to place, release or verify: leave. */
        exclaim_session_report(s);
        exclaim_session_close(s);
        return run_real(path, argv);
    }

    affinity = s->placement == EXCLAIM_PLACEMENT_AFFINITY;
    if (exclaim_dest_place_env(s, place, sizeof(place))) {
        setup.preload = s->config.place_object;
        setup.place = place;
    }
    setup.entry = s->have_entry ? exclaim_ledger_at(s->ledger, s->slot) : NULL;
    if (exclaim_child_start(path, argv, &setup, &pid, &err)) {
        exclaim_dest_not_started(s, &err);
        exclaim_session_report(s);
        exclaim_session_close(s);
        if (s->outcome == EXCLAIM_OUTCOME_REFUSED) {
            exclaim_say("refused: %s", s->error);
            return 3;
        }
        return run_real(path, argv);
    }
    exclaim_child_detach(inherited);
    if (exclaim_child_wait(pid, &status, affinity ? tick : NULL, s, TICK_MS, &err)) {
        exclaim_say("%s", err.text);
        status = 5 << 8;
    }
    if (exclaim_dest_end(s, status == 0, NULL)) {
        exclaim_dest_verify_later(s);
    }
    exclaim_session_close(s);
    exclaim_child_mirror(status);
}

/* Under `strict` nothing is let in on which nothing can be said. */
static int not_understood(struct exclaim_session *s, const struct exclaim_libxl_args *args,
                          const char *path, char **argv)
{
    if (args->restores) {
        const int rc = exclaim_dest_not_understood(s, args->stream_fd, argv);

        if (rc) {
            exclaim_say("refused: %s", s->error);
        }
        exclaim_session_report(s);
        if (rc) {
            return 3;
        }
    }
    exclaim_log(LOG_WARNING, "arguments of an unknown form: handed to %s", path);
    return run_real(path, argv);
}

/* There is no room to do anything: libxl's own helper alone, or nothing under `strict`. */
static int without_us(int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct exclaim_config config;
    struct exclaim_libxl_args args;
    char path[512];
    bool lost;

    exclaim_libxl_parse_args(argc, argv, &args);
    exclaim_config_load_hook(&config, &lost, &err);
    if (args.restores && !(args.known && not_ours(&args)) &&
        config.policy == EXCLAIM_POLICY_STRICT) {
        exclaim_say("refused: no memory for the stack");
        return 3;
    }
    if (exclaim_find_save_helper(&config, path, sizeof(path), &err)) {
        exclaim_say("%s", err.text);
        return 5;
    }
    exclaim_log(LOG_ERR, "domain %u: no memory for the stack: handed to %s", args.domid, path);
    argv[0] = path;
    return run_real(path, argv);
}

__attribute__((noinline)) static int hook(int argc, char **argv)
{
    struct exclaim_inherited inherited;
    struct exclaim_error err = { 0 };
    struct exclaim_session s;
    struct exclaim_libxl_args args;
    char path[512];

    exclaim_inherited_fds(&inherited);
    exclaim_libxl_parse_args(argc, argv, &args);
    exclaim_session_init(&s, args.save ? EXCLAIM_ROLE_SOURCE : EXCLAIM_ROLE_DESTINATION, HOOK,
                         args.domid);
    if (exclaim_find_save_helper(&s.config, path, sizeof(path), &err)) {
        exclaim_say("%s", err.text);
        return 5;
    }
    argv[0] = path;
    if (!args.known) {
        return not_understood(&s, &args, path, argv);
    }
    if (not_ours(&args)) {
        exclaim_session_reason(&s, "%s", not_ours(&args));
        exclaim_session_report(&s);
        return run_real(path, argv);
    }
    return args.save ? save(&s, &args, path, argv) : restore(&s, &args, &inherited, path, argv);
}

int main(int argc, char **argv)
{
    exclaim_log_open("exclaim-" HOOK, LOG_INFO);
    return exclaim_stack_ready() ? hook(argc, argv) : without_us(argc, argv);
}
