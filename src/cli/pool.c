/* SPDX-License-Identifier: BSD-2-Clause */
/* Where preflight, plan and evacuate get their pool, and the names on their command lines. */
#include "pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD_MAX 1024

int64_t cli_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

static int open_xapi(struct cli *cli, bool (*stop)(void *arg), void *arg, struct cli_pool *from,
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
            return -1;
        }
        opt.password = password;
    }
    rc = exclaim_xapi_open(&opt, &from->xapi, err);
    explicit_bzero(password, sizeof(password));
    return rc;
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
        from->time_unix_ms = cli_now_ms();
        return exclaim_pool_read(cli->snapshots.name, cli->snapshots.nr, &from->pool, err);
    }
    if (open_xapi(cli, stop, arg, from, err)) {
        return -1;
    }
    if (cli_pool_again(from, err)) {
        cli_pool_close(from);
        return -1;
    }
    return 0;
}

int cli_pool_again(struct cli_pool *from, struct exclaim_error *err)
{
    struct exclaim_pool fresh = { 0 };

    if (exclaim_xapi_snapshot(from->xapi, &fresh, err)) {
        return -1;
    }
    exclaim_pool_free(&from->pool);
    from->pool = fresh;
    from->time_unix_ms = cli_now_ms();
    return 0;
}

void cli_pool_close(struct cli_pool *from)
{
    exclaim_xapi_close(from->xapi);
    from->xapi = NULL;
    exclaim_pool_free(&from->pool);
}

static uint32_t *new_indices(uint32_t nr, struct exclaim_error *err)
{
    uint32_t *index = calloc(nr ? nr : 1, sizeof(*index));

    if (!index) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "list of %" PRIu32 " hosts or VMs", nr);
    }
    return index;
}

int cli_hosts(const struct exclaim_pool *pool, const char *const *name, uint32_t nr,
              uint32_t **index, struct exclaim_error *err)
{
    *index = new_indices(nr, err);
    if (!*index) {
        return -1;
    }
    for (uint32_t i = 0; i < nr; i++) {
        uint32_t host = exclaim_pool_find_host(pool, name[i]);

        if (host == EXCLAIM_NO_HOST) {
            exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                         "none or several of the pool's %" PRIu32 " hosts are called \"%s\"",
                         pool->nr_hosts, name[i]);
            goto bad;
        }
        for (uint32_t j = 0; j < i; j++) {
            if ((*index)[j] == host) {
                exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "host %s is named twice", name[i]);
                goto bad;
            }
        }
        (*index)[i] = host;
    }
    return 0;

bad:
    free(*index);
    *index = NULL;
    return -1;
}

static bool among(const uint32_t *index, uint32_t nr, uint32_t i)
{
    while (nr--) {
        if (index[nr] == i) {
            return true;
        }
    }
    return false;
}

int cli_targets(const struct exclaim_pool *pool, const struct cli_list *to, const uint32_t *from,
                uint32_t nr_from, uint32_t **index, uint32_t *nr, struct exclaim_error *err)
{
    *nr = 0;
    if (to->nr) {
        if (cli_hosts(pool, to->name, to->nr, index, err)) {
            return -1;
        }
        *nr = to->nr;
        return 0;
    }
    *index = new_indices(pool->nr_hosts, err);
    if (!*index) {
        return -1;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (!among(from, nr_from, h)) {
            (*index)[(*nr)++] = h;
        }
    }
    if (!*nr) {
        free(*index);
        *index = NULL;
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "the pool has %" PRIu32 " host(s): there is no other to go to",
                            pool->nr_hosts);
    }
    return 0;
}

int cli_vm(const struct exclaim_pool *pool, const char *name, uint32_t *vm,
           struct exclaim_error *err)
{
    uint32_t named = 0;

    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (*name && !strcasecmp(pool->vm[v].uuid, name)) {
            *vm = v;
            return 0;
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (!strcmp(pool->vm[v].name, name)) {
            *vm = v;
            named++;
        }
    }
    if (named != 1) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%" PRIu32 " running VMs are called \"%s\", one is needed", named,
                            name);
    }
    return 0;
}

int cli_vms_on(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
               uint32_t **vm, uint32_t *nr, struct exclaim_error *err)
{
    *nr = 0;
    *vm = new_indices(pool->nr_vms, err);
    if (!*vm) {
        return -1;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (among(host, nr_hosts, pool->vm[v].host)) {
            (*vm)[(*nr)++] = v;
        }
    }
    return 0;
}

void cli_plan_options(const struct cli *cli, struct exclaim_plan_options *opt)
{
    *opt = (struct exclaim_plan_options){
        .max_out = cli->max_moves,
        .max_in = cli->max_moves,
        .stray_pages = cli->config.stray_pages,
        .whole_parts = cli->config.policy == EXCLAIM_POLICY_STRICT,
    };
}

const char *cli_host_name(const struct exclaim_pool *pool, uint32_t host)
{
    if (host >= pool->nr_hosts) {
        return "nowhere";
    }
    return *pool->host[host].name ? pool->host[host].name : pool->host[host].uuid;
}

const char *cli_vm_name(const struct exclaim_pool *pool, uint32_t vm)
{
    return *pool->vm[vm].name ? pool->vm[vm].name : pool->vm[vm].uuid;
}

void cli_age(const struct cli_pool *from, uint32_t host, char *text, size_t size)
{
    int64_t then = from->pool.host[host].time_unix_ms;
    int64_t seconds = (from->time_unix_ms - then) / 1000;

    if (!then) {
        snprintf(text, size, "%s", "");
    } else if (seconds < 0) {
        snprintf(text, size, "its clock is %" PRId64 " s ahead", -seconds);
    } else if (seconds < 120) {
        snprintf(text, size, "%" PRId64 " s", seconds);
    } else if (seconds < 7200) {
        snprintf(text, size, "%" PRId64 " min", seconds / 60);
    } else {
        snprintf(text, size, "%" PRId64 " h", seconds / 3600);
    }
}

void cli_nodes(const struct exclaim_plan_move *move, char *text, size_t size)
{
    size_t len = 0;

    *text = '\0';
    for (uint32_t i = 0; i < move->nr_parts && len < size; i++) {
        const struct exclaim_part *p = &move->part[i];
        char src[16] = "?", dst[16] = "?";

        if (p->src_node != EXCLAIM_NO_NODE) {
            snprintf(src, sizeof(src), "%" PRIu32, p->src_node);
        }
        if (p->dst_node != EXCLAIM_NO_NODE) {
            snprintf(dst, sizeof(dst), "%" PRIu32, p->dst_node);
        }
        len += (size_t)snprintf(text + len, size - len, "%s%s>%s", i ? " " : "", src, dst);
    }
}
