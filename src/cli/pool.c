/* SPDX-License-Identifier: BSD-2-Clause */
/* Where preflight, plan and evacuate get their pool, and the names on their command lines. */
#include "../base/compat.h"
#include "pool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../report/print.h"

#define PASSWORD_MAX 1024

/* exclaim(8) says 7 days, and so does --help. */
#define STALE_MS (INT64_C(7) * 86400 * 1000)

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* On a terminal one line that comes and goes. */
static void show_progress(void *arg, const char *what, uint32_t done, uint32_t total)
{
    (void)arg;
    if (done < total) {
        fprintf(stderr, "\r\033[K%s: %" PRIu32 " of %" PRIu32, what, done, total);
    } else {
        fputs("\r\033[K", stderr);
    }
}

int cli_xapi_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct exclaim_xapi **xapi,
                  struct exclaim_error *err)
{
    bool remote = cli->xapi && strcmp(cli->xapi, "socket") != 0 && cli->xapi[0] != '/';
    struct exclaim_xapi_options opt = {
        .server = cli->xapi && strcmp(cli->xapi, "socket") != 0 ? cli->xapi : NULL,
        .user = cli->user,
        .cacert = cli->cacert,
        .progress = isatty(STDERR_FILENO) ? show_progress : NULL,
        .stop = stop,
        .arg = arg,
    };
    char password[PASSWORD_MAX] = "";
    int rc;

    if (remote || cli->password_file) {
        if (exclaim_xapi_password(cli->password_file, password, sizeof(password), err)) {
            compat_wipe(password, sizeof(password));
            return remote ? exclaim_error_wrap(err, "HTTPS to %s", cli->xapi) : -1;
        }
        opt.password = password;
    }
    rc = exclaim_xapi_open(&opt, xapi, err);
    compat_wipe(password, sizeof(password));
    if (rc && !opt.server && access(EXCLAIM_XAPI_SOCKET, F_OK) && errno == ENOENT) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "no XAPI on this host, which would have " EXCLAIM_XAPI_SOCKET
                            ": --xapi HOST asks another%s",
                            cli->pool ? "" : ", --snapshot FILE needs none");
    }
    return rc;
}

/* What --skip-vm and --shutdown-vm name is out of all planning. */
static int leave_out(const struct cli *cli, struct exclaim_pool *pool, struct exclaim_error *err)
{
    return exclaim_pool_leave_out(pool, cli->skip.name, cli->skip.nr, true, err) ||
                   exclaim_pool_leave_out(pool, cli->shutdown.name, cli->shutdown.nr, true, err)
               ? -1
               : 0;
}

static int read_xapi(struct cli *cli, bool (*stop)(void *arg), void *arg, struct cli_pool *from,
                     struct exclaim_error *err)
{
    if (cli_xapi_open(cli, stop, arg, &from->xapi, err)) {
        return -1;
    }
    if (exclaim_xapi_snapshot(from->xapi, &from->pool, err)) {
        cli_pool_close(from);
        return -1;
    }
    from->time_unix_ms = exclaim_now_unix_ms();
    return 0;
}

void cli_hold_signals(struct cli_signals *s)
{
    sigemptyset(&s->held);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        sigaddset(&s->held, ending[i]);
    }
    sigprocmask(SIG_BLOCK, &s->held, &s->old);
}

bool cli_signal_waits(void *signals)
{
    const struct cli_signals *s = signals;
    sigset_t waiting;

    sigpending(&waiting);
    for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
        if (sigismember(&waiting, ending[i]) && sigismember(&s->held, ending[i])) {
            return true;
        }
    }
    return false;
}

void cli_let_signals(const struct cli_signals *s)
{
    sigprocmask(SIG_SETMASK, &s->old, NULL);
}

static int read_xapi_once(struct cli *cli, struct cli_pool *from, struct exclaim_error *err)
{
    struct cli_signals signals;
    int rc;

    cli_hold_signals(&signals);
    rc = read_xapi(cli, cli_signal_waits, &signals, from, err);
    exclaim_xapi_close(from->xapi);
    from->xapi = NULL;
    cli_let_signals(&signals);
    return rc;
}

/* A host's numbers of that age say nothing of what is there now. */
static int refuse_stale(const struct cli *cli, const struct cli_pool *from,
                        struct exclaim_error *err)
{
    for (uint32_t h = 0; h < from->pool.nr_hosts && !cli->stale; h++) {
        const int64_t read_ms = from->pool.host[h].time_unix_ms;
        char age[32];

        if (read_ms && from->time_unix_ms - read_ms > STALE_MS) {
            exclaim_age_text(from->time_unix_ms, read_ms, age, sizeof(age));
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "the snapshot of host %s is %s old, more than 7 days: take it "
                                "again, or --stale",
                                exclaim_pool_host_name(&from->pool, h), age);
        }
    }
    return 0;
}

int cli_pool_open(struct cli *cli, bool (*stop)(void *arg), void *arg, struct cli_pool *from,
                  struct exclaim_error *err)
{
    *from = (struct cli_pool){ 0 };
    if (cli->snapshots.nr) {
        if (cli->xapi || cli->user || cli->password_file || cli->cacert) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                "--snapshot reads files, --xapi a server: give one of them");
        }
        from->time_unix_ms = exclaim_now_unix_ms();
        if (exclaim_pool_read(cli->snapshots.name, cli->snapshots.nr, &from->pool, err)) {
            return -1;
        }
        if (refuse_stale(cli, from, err)) {
            cli_pool_close(from);
            return -1;
        }
        goto out;
    }
    if (stop ? read_xapi(cli, stop, arg, from, err) : read_xapi_once(cli, from, err)) {
        return -1;
    }

out:
    if (leave_out(cli, &from->pool, err)) {
        cli_pool_close(from);
        return -1;
    }
    return 0;
}

void cli_pool_close(struct cli_pool *from)
{
    exclaim_xapi_close(from->xapi);
    from->xapi = NULL;
    exclaim_pool_free(&from->pool);
}

void cli_plan_options(const struct cli *cli, struct exclaim_plan_options *opt)
{
    *opt = (struct exclaim_plan_options){
        .max_out = cli->max_moves,
        .max_in = cli->max_moves,
        .stray_pages = cli->config.stray_pages,
        .prefer = cli->prefer,
        .whole_parts = cli->config.policy == EXCLAIM_POLICY_STRICT,
    };
}
