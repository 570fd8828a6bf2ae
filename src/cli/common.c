/* SPDX-License-Identifier: BSD-2-Clause */
/* What several verbs do first: open Xen, read a record, take the host's room, match. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/ledger.h>
#include <exclaim/record.h>

#include "../base/json.h"
#include "cli.h"

/* Toolstacks put banners and configurations in front of the libxc stream; not more than this. */
#define SEARCH_MAX (4u << 20)

int cli_open(struct cli *cli, struct exclaim_hv **hv, struct exclaim_domain *dom,
             struct exclaim_error *err)
{
    if (exclaim_xen_open(hv, err)) {
        return -1;
    }
    if (cli->arg && exclaim_hv_lookup(*hv, cli->arg, dom, err)) {
        (*hv)->ops->close(*hv);
        *hv = NULL;
        return -1;
    }
    return 0;
}

/* At most @size bytes; what is behind them does not matter here. */
static int read_start(const char *path, uint8_t *buf, size_t size, size_t *len,
                      struct exclaim_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    int rc = 0;

    *len = 0;
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    while (*len < size) {
        ssize_t r = read(fd, buf + *len, size - *len);

        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r < 0) {
            rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "read %s", path);
            break;
        }
        if (r == 0) {
            break;
        }
        *len += (size_t)r;
    }
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    return rc;
}

/* A libxc stream somewhere in @buf: its marker and id are twelve bytes that nothing else has. */
static int decode_stream(const uint8_t *buf, size_t len, struct exclaim_reservation *res,
                         struct exclaim_error *err)
{
    static const uint8_t mark[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 'X',  'E',  'N',  'F' };
    const uint8_t *at = memmem(buf, len, mark, sizeof(mark));
    struct exclaim_prefix prefix;

    if (!at) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "neither a record nor a libxc stream in %zu bytes", len);
    }
    if (exclaim_prefix_scan(at, len - (size_t)(at - buf), &prefix, err)) {
        return -1;
    }
    switch (prefix.state) {
    case EXCLAIM_PREFIX_MORE:
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "stream ends after %zu bytes, %zu needed for its first record",
                            len - (size_t)(at - buf), prefix.need);
    case EXCLAIM_PREFIX_ABSENT:
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "%s", prefix.why);
    case EXCLAIM_PREFIX_COMPLETE:
        break;
    }
    return exclaim_body_decode(at + prefix.body, prefix.body_size, res, err);
}

int cli_read_record(const char *path, struct exclaim_reservation *res, struct exclaim_error *err)
{
    uint8_t *buf = malloc(SEARCH_MAX);
    size_t len;
    int rc = -1;

    if (!buf) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "%u bytes", SEARCH_MAX);
    }
    if (read_start(path, buf, SEARCH_MAX, &len, err)) {
        goto out;
    }
    rc = len >= 8 && !memcmp(buf, "EXCLAIM", 8) ? exclaim_body_decode(buf, len, res, err)
                                                : decode_stream(buf, len, res, err);
    if (rc) {
        exclaim_error_wrap(err, "%s", strcmp(path, "-") ? path : "standard input");
    }

out:
    free(buf);
    return rc;
}

int cli_room(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_domain *dom,
             struct exclaim_room *room, struct exclaim_error *err)
{
    struct exclaim_ledger *ledger;
    int rc;

    if (exclaim_ledger_open(cli->config.lock_dir, &ledger, err)) {
        return -1;
    }
    rc = exclaim_ledger_lock(ledger, 10000, err);
    if (!rc) {
        rc = exclaim_room_read(hv, ledger, dom, cli->config.headroom_pages, room, err);
        exclaim_ledger_unlock(ledger);
    }
    exclaim_ledger_close(ledger);
    return rc;
}

int cli_match(struct cli *cli, struct exclaim_hv *hv, const struct exclaim_domain *dom,
              const struct exclaim_reservation *res, struct exclaim_room *room,
              struct exclaim_match *match, struct exclaim_error *err)
{
    const struct exclaim_match_options opt = {
        .stray_pages = cli->config.stray_pages,
        .whole_parts = cli->config.policy == EXCLAIM_POLICY_STRICT,
    };

    if (cli_room(cli, hv, dom, room, err)) {
        return -1;
    }
    /* What the creation of a domain takes that is not there yet must be left over. */
    return exclaim_match_arrival(
        res, room, dom ? 0 : exclaim_arrival_pages(res->vcpus, res->paging_pool_bytes), &opt, match,
        err);
}
