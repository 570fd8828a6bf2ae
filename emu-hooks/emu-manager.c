/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands where xenopsd expects emu-manager, on both sides of a live migration, and starts the real
 * one with the same arguments and descriptors but for the two control pipes.  Those it hands on,
 * line by line; the stream it never relays.
 *
 * -mode save, hvm_save, with -live true:
 *   at `done`, xenopsd's answer to `prepare:xenguest`, before it is handed on:
 *   1. count the domain's pages per node
 *   2. write image header, domain header and our record to the stream
 *
 * -mode restore, hvm_restore:
 *   at `restore:xenguest`, before it is handed on:
 *   1. peek at the stream; nothing is consumed
 *   2. check, match, claim, under the ledger's lock
 *   at `result:xenguest` or `error:`, before it is handed on:
 *   3. release leftovers, read the counts back, append the report
 *
 * In every mode a manager that ends without a word becomes an `error:` line.
 *
 * Invocation: by xenopsd.  Arguments that we do not understand are the real manager's alone, but
 * for a restore that policy `strict` refuses then.  Exit: the real manager's own; 3 when policy
 * `strict` refuses before the first page; 5 when the real manager cannot be started or the stream
 * was spoilt half-way through the record.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/emu.h>
#include <exclaim/log.h>

#include "../src/base/stack.h"

#define HOOK "emu-manager"

/* What a toolstack gets to read one line. */
#define SAY_MS 5000

static int run_real(const char *path, char **argv)
{
    execv(path, argv);
    exclaim_log(LOG_ERR, "start %s: %m", path);
    return 5;
}

/* There is no manager that could. */
static int say_error(const struct exclaim_emu_args *args, const char *text)
{
    struct pollfd p = { .fd = args->control_out, .events = POLLOUT };
    char line[128];
    int len = snprintf(line, sizeof(line), "error:%.*s\n", (int)sizeof(line) - 8, text);

    exclaim_log(LOG_ERR, "%s", text);
    if (args->control_out > 2 && poll(&p, 1, SAY_MS) > 0 &&
        write(args->control_out, line, (size_t)len) != len) {
        exclaim_log(LOG_ERR, "write to control descriptor %d: %m", args->control_out);
    }
    return 5;
}

/* Standing in between is not possible: the real manager alone, or nothing under `strict`. */
static int without_us(const struct exclaim_emu_args *args, const struct exclaim_config *config,
                      const char *why, const char *path, char **argv)
{
    if (args->restores && !(args->known && exclaim_emu_not_ours(args)) &&
        config->policy == EXCLAIM_POLICY_STRICT) {
        say_error(args, why);
        return 3;
    }
    exclaim_log(LOG_ERR, "domain %u: %s: handed to %s", args->domid, why, path);
    return run_real(path, argv);
}

/* Under `strict` nothing is let in of which nothing can be said. */
static bool refused(struct exclaim_session *s, const struct exclaim_emu_args *args, char **argv)
{
    if (!args->restores || !exclaim_dest_not_understood(s, args->stream_fd, argv)) {
        return false;
    }
    say_error(args, s->error);
    exclaim_session_report(s);
    return true;
}

static int without_room(int argc, char **argv)
{
    struct exclaim_error err = { 0 };
    struct exclaim_config config;
    struct exclaim_emu_args args;
    char path[512];
    bool lost;

    exclaim_emu_parse_args(argc, argv, &args);
    exclaim_config_load_hook(&config, &lost, &err);
    if (exclaim_find_emu_manager(&config, path, sizeof(path), &err)) {
        return say_error(&args, err.text);
    }
    argv[0] = path;
    return without_us(&args, &config, "no memory for the stack", path, argv);
}

__attribute__((noinline)) static int hook(int argc, char **argv)
{
    struct exclaim_inherited inherited;
    struct exclaim_error err = { 0 };
    struct exclaim_session s;
    struct exclaim_emu_args args;
    int code, status;
    char path[512];
    const struct exclaim_emu_start start = { .args = &args,
                                             .path = path,
                                             .argv = argv,
                                             .inherited = &inherited,
                                             .limits = &exclaim_emu_limits };

    exclaim_inherited_fds(&inherited);
    exclaim_emu_parse_args(argc, argv, &args);
    exclaim_session_init(&s, args.save ? EXCLAIM_ROLE_SOURCE : EXCLAIM_ROLE_DESTINATION, HOOK,
                         args.domid);
    if (exclaim_find_emu_manager(&s.config, path, sizeof(path), &err)) {
        return say_error(&args, err.text);
    }
    argv[0] = path;
    if (!args.known) {
        if (refused(&s, &args, argv)) {
            return 3;
        }
        if (args.restores) {
            exclaim_session_report(&s);
        }
        exclaim_log(LOG_WARNING, "arguments of an unknown form: handed to %s", path);
        return run_real(path, argv);
    }
    s.known.type = true;
    s.known.hvm = args.hvm;
    s.known.soft_automatic = true;
    s.past.node_said = args.node >= 0;
    s.past.node = args.node >= 0 ? (uint32_t)args.node : 0;
    if (exclaim_emu_not_ours(&args)) {
        if (args.stream_fd < 0 && refused(&s, &args, argv)) {
            return 3;
        }
        exclaim_session_reason(&s, "%s", exclaim_emu_not_ours(&args));
        exclaim_session_report(&s);
    }
    if (exclaim_emu_supervise(&s, &start, &code, &status, &err)) {
        return without_us(&args, &s.config, err.text, path, argv);
    }
    if (code >= 0) {
        return code;
    }
    exclaim_child_mirror(status);
}

int main(int argc, char **argv)
{
    exclaim_log_open("exclaim-" HOOK, LOG_INFO);
    return exclaim_stack_ready() ? hook(argc, argv) : without_room(argc, argv);
}
