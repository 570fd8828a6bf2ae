/* SPDX-License-Identifier: BSD-2-Clause */
/* The destination's sequence up to the emulator's start: peek, check, match, claim. */
#include <exclaim/session.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <exclaim/log.h>
#include <exclaim/record.h>
#include <exclaim/uuid.h>

#include "finish.h"
#include "phase.h"
#include "placement.h"
#include "reserve.h"
#include "../base/clock.h"
#include "type.h"

/* A suspend image on disk is no migration; whoever restores it decides alone. */
static bool is_file(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool cancelled(int cancel_fd)
{
    struct pollfd p = { .fd = cancel_fd, .events = POLLIN };

    return cancel_fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Xen, and the domain in it.  While it arrives, xenopsd's has another uuid; the VM's own is what
 * people look for. */
static int open_domain(struct exclaim_session *s, struct exclaim_error *err)
{
    uint8_t uuid[EXCLAIM_UUID_BYTES];

    if (exclaim_xen_open(&s->hv, err) || s->hv->ops->caps(s->hv, &s->caps, err) ||
        exclaim_hv_domain(s->hv, s->domid, &s->dom, err)) {
        return -1;
    }
    memcpy(s->uuid, s->dom.uuid, sizeof(s->uuid));
    if (s->hv->ops->vm_uuid(s->hv, s->domid, uuid, NULL) > 0 &&
        exclaim_uuid_arrives(uuid, s->dom.uuid)) {
        memcpy(s->uuid, uuid, sizeof(s->uuid));
    }
    s->have_uuid = true;
    return 0;
}

/* Peeks and checks.  *go is false when there is nothing to reserve and nothing to refuse. */
static int receive(struct exclaim_session *s, int fd, int cancel_fd, bool *go,
                   struct exclaim_error *err)
{
    const int64_t start = exclaim_now_ms();
    const char *why = "";
    struct exclaim_error no_domain = { 0 };
    bool found, known;
    int rc;

    *go = false;
    /* Nothing of the configuration can be relied on, not even which ledger is the host's. */
    if (s->policy_lost && !is_file(fd)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s", s->config_error);
    }
    rc = exclaim_record_peek(fd, (int)s->config.peek_timeout_ms, cancel_fd, &s->res, &found, &why,
                             err);
    s->ms[EXCLAIM_TIMED_PEEK] = exclaim_now_ms() - start;
    session_reach(s, EXCLAIM_PHASE_PEEKED);
    if (cancelled(cancel_fd)) {
        s->outcome = EXCLAIM_OUTCOME_PASSED;
        exclaim_session_reason(s, "cancelled");
        return 0;
    }
    /* First: without a reservation as well the report should say of which VM. */
    known = !open_domain(s, &no_domain);
    if (rc) {
        return -1;
    }
    if (!found) {
        if (is_file(fd)) {
            s->outcome = EXCLAIM_OUTCOME_PASSED;
            exclaim_session_reason(s, "a file without a reservation");
            return 0;
        }
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "no reservation: %s", why);
    }
    s->have_reservation = true;

    if (!known) {
        *err = no_domain;
        return -1;
    }
    if (s->dom.dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %" PRIu32 " is dying",
                            s->dom.domid);
    }
    if (session_other_type(s, err)) {
        s->outcome = EXCLAIM_OUTCOME_PASSED;
        exclaim_session_reason(s, "%s", err->text);
        return 0;
    }
    if (exclaim_reservation_check_domain(&s->res, &s->dom, err)) {
        return -1;
    }
    /* Where xenstore has none. */
    memcpy(s->uuid, s->res.uuid, sizeof(s->uuid));
    *go = true;
    return 0;
}

/*
 * Both toolstacks place a new domain's vCPUs on nodes of their own choice, before they have seen
 * the stream.  Memory and vCPUs go together: where that choice was automatic on the source as well,
 * it follows the match.  libxl lets users choose, too; xenopsd does not: its users pin (hard_all).
 */
static void follow_vcpus(struct exclaim_session *s)
{
    struct exclaim_affinity aff;
    struct exclaim_error err = { 0 };
    struct exclaim_host host;
    uint64_t homes = 0, online = 0;

    if (!(s->res.soft_affinity == EXCLAIM_SOFT_AUTOMATIC ||
          (s->res.soft_affinity == EXCLAIM_SOFT_UNKNOWN && s->known.soft_automatic)) ||
        s->hv->ops->get_affinity(s->hv, s->dom.domid, &aff, &err) ||
        s->hv->ops->host(s->hv, &host, &err)) {
        return;
    }
    for (uint32_t n = 0; n < host.nr_nodes; n++) {
        online |= host.node[n].online ? 1ull << n : 0;
        homes |= s->match.pages[n] ? 1ull << n : 0;
    }
    if (!aff.hard_all || aff.nodes == homes || (aff.nodes & online) == online) {
        return; /* pinned, right already, or no placement took place */
    }
    if (s->hv->ops->set_soft_affinity(s->hv, s->dom.domid, homes, &err) ||
        s->hv->ops->set_node_affinity(s->hv, s->dom.domid, homes, &err)) {
        exclaim_log(LOG_WARNING, "domain %u: vCPUs stay where they are: %s", s->dom.domid,
                    err.text);
    }
}

/* What is claimed on nodes is held there all the same; on the host alone nobody keeps them. */
static int not_placed(struct exclaim_session *s, const struct exclaim_error *err)
{
    const enum exclaim_guarantee held = s->guarantee;
    int rc = dest_settle(s, "placement by node affinity", err);

    if (!rc && held != EXCLAIM_GUARANTEE_HOST) {
        s->guarantee = held;
    }
    return rc;
}

int exclaim_dest_prepare(struct exclaim_session *s, int fd, int cancel_fd)
{
    struct exclaim_error err = { 0 };
    bool go;

    if (receive(s, fd, cancel_fd, &go, &err)) {
        return dest_settle(s, s->policy_lost ? "configuration" : "record", &err);
    }
    if (!go) {
        return 0;
    }
    if (s->known.look) {
        s->known.look(s, cancel_fd);
    }
    if (cancelled(cancel_fd)) {
        exclaim_session_reason(s, "cancelled");
        return 0;
    }
    if (dest_reserve(s)) {
        session_undo(s, false); /* what a later step's failure left claimed */
        return -1;
    }
    if (s->have_entry) {
        follow_vcpus(s);
        if (placement_start(s, &err) && not_placed(s, &err)) {
            session_undo(s, false);
            return -1;
        }
    }
    session_reach(s, EXCLAIM_PHASE_UNLOCKED);
    return 0;
}

int exclaim_dest_not_understood(struct exclaim_session *s, int fd, char *const *argv)
{
    struct exclaim_error err = { 0 };
    char words[400] = "";
    size_t len = 0;

    for (unsigned int i = 1; argv[0] && argv[i] && len < sizeof(words); i++) {
        len += (size_t)snprintf(words + len, sizeof(words) - len, " %s", argv[i]);
    }
    exclaim_fail(&err, EXCLAIM_ERR_UNSUPPORTED, 0, "arguments of an unknown form:%s", words);
    if (fd >= 0 && is_file(fd)) {
        exclaim_session_reason(s, "%s", err.text);
        return 0;
    }
    return dest_settle(s, "start", &err);
}

void exclaim_dest_tick(struct exclaim_session *s)
{
    placement_tick(s);
}

bool exclaim_dest_place_env(const struct exclaim_session *s, char *text, uint32_t size)
{
    if (!s->have_entry || s->place_fd < 0) {
        return false;
    }
    return snprintf(text, size, "%d:%" PRIu32 ":%" PRIu32, s->place_fd, s->slot, s->dom.domid) <
           (int)size;
}
