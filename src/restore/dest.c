/* SPDX-License-Identifier: BSD-2-Clause */
/* The destination's sequence up to the emulator's start: peek, check, match, claim. */
#include <exclaim/session.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <exclaim/log.h>
#include <exclaim/record.h>

#include "fault.h"
#include "placement.h"
#include "stake.h"

#define LOCK_TIMEOUT_MS 10000

/* `prefer` and `observe` go on without what failed, `strict` refuses. */
static int settle(struct exclaim_session *s, const char *step, const struct exclaim_error *err)
{
    s->report.guarantee = EXCLAIM_GUARANTEE_NONE;
    snprintf(s->report.why, sizeof(s->report.why), "%s: %.490s", step, err->text);
    if (s->config.policy != EXCLAIM_POLICY_STRICT) {
        return 0;
    }
    s->report.outcome = EXCLAIM_OUTCOME_REFUSED;
    snprintf(s->report.error, sizeof(s->report.error), "%s: %.490s", step, err->text);
    return -1;
}

/* A suspend image on disk is no migration; whoever restores it decides alone. */
static bool is_file(int fd)
{
    struct stat st;

    return !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

/* Peeks and checks.  *go is false when there is nothing to reserve and nothing to refuse. */
static int receive(struct exclaim_session *s, int fd, int cancel_fd, bool *go,
                   struct exclaim_error *err)
{
    const int64_t start = exclaim_session_now();
    const char *why = "";
    bool found;
    int rc;

    *go = false;
    rc = exclaim_record_peek(fd, (int)s->config.peek_timeout_ms, cancel_fd, &s->report.res, &found,
                             &why, err);
    s->report.ms[EXCLAIM_STEP_PEEK] = exclaim_session_now() - start;
    exclaim_fault("PEEKED");
    if (rc) {
        return -1;
    }
    if (!found) {
        if (is_file(fd)) {
            s->report.outcome = EXCLAIM_OUTCOME_PASSED;
            snprintf(s->report.why, sizeof(s->report.why), "a file without a reservation");
            return 0;
        }
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "no reservation: %s", why);
    }
    s->report.have_reservation = true;

    if (exclaim_xen_open(&s->hv, err) || s->hv->ops->caps(s->hv, &s->caps, err) ||
        exclaim_hv_domain(s->hv, s->report.domid, &s->dom, err)) {
        return -1;
    }
    memcpy(s->report.uuid, s->dom.uuid, sizeof(s->report.uuid));
    s->report.have_uuid = true;
    if (s->dom.dying) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain %" PRIu32 " is dying",
                            s->dom.domid);
    }
    *go = true;
    return exclaim_reservation_check_domain(&s->report.res, &s->dom, err);
}

/* With the ledger's lock held: what is free, what is promised, what fits. */
static int match(struct exclaim_session *s, struct exclaim_error *err)
{
    const struct exclaim_match_options opt = {
        .stray_pages = s->config.stray_pages,
        .whole_parts = s->config.policy == EXCLAIM_POLICY_STRICT,
    };
    struct exclaim_room room;

    if (exclaim_room_read(s->hv, s->ledger, &s->dom, s->config.headroom_pages, &room, err)) {
        return -1;
    }
    if (exclaim_match(&s->report.res, &room, &opt, &s->report.match, err)) {
        return -1;
    }
    s->report.have_match = true;
    return 0;
}

/*
 * libxl places a new domain's vCPUs on nodes of its own choice, before it has seen the stream.
 * Memory and vCPUs go together: where that choice was automatic on the source as well, it follows
 * the match.
 */
static void follow_vcpus(struct exclaim_session *s)
{
    struct exclaim_affinity aff;
    struct exclaim_error err = { 0 };
    struct exclaim_host host;
    uint64_t homes = 0, online = 0;

    if (s->report.res.soft_affinity != EXCLAIM_SOFT_AUTOMATIC ||
        s->hv->ops->get_affinity(s->hv, s->dom.domid, &aff, &err) ||
        s->hv->ops->host(s->hv, &host, &err)) {
        return;
    }
    for (uint32_t n = 0; n < host.nr_nodes; n++) {
        online |= host.node[n].online ? 1ull << n : 0;
        homes |= s->report.match.pages[n] ? 1ull << n : 0;
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

/* What a guarantee is worth without exact placement: on stock Xen nobody then keeps the nodes. */
static void weaken(struct exclaim_session *s)
{
    uint32_t homes = 0;

    for (uint32_t n = 0; n < s->report.match.nr_nodes; n++) {
        homes += s->report.match.pages[n] != 0;
    }
    if (s->report.guarantee == EXCLAIM_GUARANTEE_HOST && homes > 1 &&
        s->report.placement != EXCLAIM_PLACEMENT_PRELOAD) {
        s->report.guarantee = EXCLAIM_GUARANTEE_NONE;
    }
}

/* Match, claim and ledger entry are one step for everybody else: under one lock. */
static int reserve(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };
    int64_t start = exclaim_session_now();
    int rc = 0;

    if (exclaim_ledger_open(s->config.lock_dir, &s->ledger, &err) ||
        exclaim_ledger_lock(s->ledger, LOCK_TIMEOUT_MS, &err)) {
        return settle(s, "ledger", &err);
    }
    exclaim_fault("LOCKED");
    rc = match(s, &err);
    exclaim_fault("MATCHED");
    s->report.ms[EXCLAIM_STEP_MATCH] = exclaim_session_now() - start;
    if (rc) {
        rc = settle(s, "match", &err);
        goto out;
    }
    s->watch = true;
    if (s->config.policy == EXCLAIM_POLICY_OBSERVE) {
        snprintf(s->report.why, sizeof(s->report.why), "policy observe: nothing claimed or placed");
        goto out;
    }
    s->report.placement = placement_choose(s, &err);
    if (s->report.placement != EXCLAIM_PLACEMENT_PRELOAD) {
        rc = settle(s, "placement by node affinity", &err);
        if (rc) {
            goto out;
        }
    }
    /* The entry first: a claim without one would be nobody's to release. */
    if (exclaim_ledger_add(s->ledger, s->dom.domid, s->dom.uuid, &s->report.match,
                           EXCLAIM_GUARANTEE_NONE, s->report.placement == EXCLAIM_PLACEMENT_PRELOAD,
                           &s->slot, &err)) {
        rc = settle(s, "ledger", &err);
        goto out;
    }
    s->have_entry = true;
    exclaim_fault("ENTERED");
    start = exclaim_session_now();
    rc = exclaim_stake(s, &err) ? settle(s, "claim", &err) : 0;
    s->report.ms[EXCLAIM_STEP_CLAIM] = exclaim_session_now() - start;
    exclaim_fault("STAKED");
    weaken(s);
    exclaim_ledger_at(s->ledger, s->slot)->guarantee = s->report.guarantee;

out:
    exclaim_ledger_unlock(s->ledger);
    return rc;
}

int exclaim_dest_prepare(struct exclaim_session *s, int fd, int cancel_fd)
{
    struct exclaim_error err = { 0 };
    bool go;

    if (receive(s, fd, cancel_fd, &go, &err)) {
        return settle(s, "record", &err);
    }
    if (!go) {
        return 0;
    }
    if (reserve(s)) {
        exclaim_dest_restored(s, false); /* gives back what a later step's failure left claimed */
        return -1;
    }
    if (s->have_entry) {
        follow_vcpus(s);
        placement_start(s);
    }
    exclaim_fault("UNLOCKED");
    return 0;
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
