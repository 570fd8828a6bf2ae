/* SPDX-License-Identifier: BSD-2-Clause */
/* The destination's sequence after the emulator's end: read what was placed, release, verify. */
#include <exclaim/session.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "../base/clock.h"
#include "../base/output.h"
#include "../base/text.h"
#include "../reserve/ledger.h"
#include "finish.h"
#include "layout.h"
#include "phase.h"
#include "placement.h"
#include "reserve.h"

#define RELEASE_TRIES    3
#define RELEASE_PAUSE_NS 20000000L

static void read_entry(struct exclaim_session *s, bool *result)
{
    const struct exclaim_ledger_entry *e = exclaim_ledger_at(s->ledger, s->slot);

    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        s->placed.pages[n] = atomic_load(&e->placed[n]);
        s->placed.refused[n] = atomic_load(&e->refused[n]);
        s->placed.lacking[n] = atomic_load(&e->lacking[n]);
        for (unsigned int i = 0; i < EXCLAIM_EXTENTS; i++) {
            s->placed.extents[n][i] = atomic_load(&e->extents[n][i]);
        }
    }
    s->placed.elsewhere = atomic_load(&e->elsewhere);
    for (unsigned int i = 0; i < EXCLAIM_EXTENTS; i++) {
        s->placed.extents_elsewhere[i] = atomic_load(&e->extents_elsewhere[i]);
    }
    s->placed.broken = atomic_load(&e->broken);
    s->placed.populate_calls = atomic_load(&e->calls);
    s->placed.populate_us = atomic_load(&e->populate_ns) / 1000;
    session_read_layout(s, e);
    if (!e->steer || s->outcome == EXCLAIM_OUTCOME_REFUSED) { /* nothing was restored */
        return;
    }
    s->placed.steered = atomic_load(&e->state) == EXCLAIM_ENTRY_PLACING;
    if (!s->placed.steered) {
        exclaim_session_reason(s, "placement: %.200s was not loaded by the restoring process",
                               s->config.place_object);
        if (s->guarantee == EXCLAIM_GUARANTEE_HOST) {
            s->guarantee = EXCLAIM_GUARANTEE_NONE;
        }
    }
    if (atomic_load(&e->ended)) {
        *result = atomic_load(&e->result) == 0;
    } else if (s->placed.steered) {
        *result = false; /* the placing object was there and never saw the restore return */
    }
}

/* A ledger that was lost meanwhile no longer told others what was owed to this migration, nor the
 * placing object where to put it: what was promised was not kept by anybody but Xen. */
static void check_ledger(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };

    if (!exclaim_ledger_check(s->ledger, &err)) {
        return;
    }
    exclaim_session_error(s, "ledger: %s", err.text);
    if (s->guarantee == EXCLAIM_GUARANTEE_HOST) {
        s->guarantee = EXCLAIM_GUARANTEE_NONE;
    }
}

/* Want of memory passes, and nobody else would release what is claimed. */
static bool passes(const struct exclaim_error *err, int tries)
{
    const struct timespec pause = { .tv_nsec = RELEASE_PAUSE_NS };

    if (tries >= RELEASE_TRIES || (err->errnum != ENOMEM && err->errnum != EAGAIN)) {
        return false;
    }
    nanosleep(&pause, NULL);
    return true;
}

static int look_again(struct exclaim_session *s, struct exclaim_domain *dom,
                      struct exclaim_error *err)
{
    int rc, tries = 0;

    do {
        rc = exclaim_hv_domain(s->hv, s->dom.domid, dom, err);
    } while (rc && passes(err, ++tries));
    return rc;
}

static int claim_nothing(struct exclaim_session *s, struct exclaim_error *err)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    int rc, tries = 0;

    do {
        rc = s->hv->ops->claim(s->hv, s->dom.domid, &none, err);
    } while (rc && passes(err, ++tries));
    return rc;
}

/* Leftovers keep memory from others, and up to Xen 4.20.2 grow with every page that a balloon
 * driver gives back; so they go before the guest runs. */
static void release(struct exclaim_session *s)
{
    const int64_t start = exclaim_now_ms();
    struct exclaim_error err = { 0 };
    struct exclaim_domain dom;

    if (look_again(s, &dom, &err)) {
        if (err.errnum != ESRCH) { /* a domain that is gone has no claim */
            exclaim_log(LOG_ERR, "domain %u: claimed pages may be left: %s", s->dom.domid,
                        err.text);
            exclaim_session_error(s, "release: %s", err.text);
        }
        return;
    }
    if (!dom.outstanding_pages) {
        /* all of it was used */
    } else if (claim_nothing(s, &err)) {
        exclaim_log(LOG_ERR, "domain %u: a claim of %s (%" PRIu64 " pages) is left: %s",
                    s->dom.domid, exclaim_size(dom.outstanding_pages).text, dom.outstanding_pages,
                    err.text);
        exclaim_session_error(s, "release: %s", err.text);
    } else {
        s->released_pages = dom.outstanding_pages;
    }
    s->ms[EXCLAIM_TIMED_RELEASE] = exclaim_now_ms() - start;
}

void session_undo(struct exclaim_session *s, bool result)
{
    session_reach(s, EXCLAIM_PHASE_RESTORED);
    if (s->have_entry) {
        placement_tick(s);
        placement_stop(s);
        read_entry(s, &result);
        check_ledger(s);
        exclaim_ledger_remove(s->ledger, s->slot);
        s->have_entry = false;
        session_reach(s, EXCLAIM_PHASE_REMOVED);
    }
    if (s->claimed) {
        release(s);
        s->claimed = false;
        session_reach(s, EXCLAIM_PHASE_RELEASED);
    }
    if (s->outcome == EXCLAIM_OUTCOME_PASSED) {
        s->outcome = result ? EXCLAIM_OUTCOME_DONE : EXCLAIM_OUTCOME_FAILED;
    }
}

void exclaim_dest_not_started(struct exclaim_session *s, const struct exclaim_error *why)
{
    session_undo(s, false);
    s->outcome = EXCLAIM_OUTCOME_PASSED;
    s->claimed_pages = 0;
    (void)dest_settle(s, "start", why);
}

/* A page that is mapped takes as long as so many that are walked. */
#define MAPPED_COST 16u

/* Whether a guest may wait until its frames have been mapped one by one. */
static bool maps_quickly(struct exclaim_session *s)
{
    struct exclaim_domain dom;

    return !exclaim_hv_domain(s->hv, s->dom.domid, &dom, NULL) &&
           dom.total_pages <= s->config.verify_paused_max_pages / MAPPED_COST;
}

/* Whether reading the counts is quick enough to let the guest wait for it. */
static bool is_quick(struct exclaim_session *s)
{
    struct exclaim_host host;

    if (s->caps.count[EXCLAIM_FROM_HYPERCALL]) {
        return true;
    }
    if (s->caps.count[EXCLAIM_FROM_MAPPED] && s->dom.hvm) {
        return maps_quickly(s);
    }
    return !s->hv->ops->host(s->hv, &host, NULL) &&
           host.total_pages - host.free_pages <= s->config.verify_paused_max_pages;
}

void session_verify(struct exclaim_session *s, bool paused)
{
    struct exclaim_count_how how = exclaim_count_how(&s->config);
    const int64_t start = exclaim_now_ms();
    struct exclaim_error err = { 0 };

    if (paused && !maps_quickly(s)) {
        how.ms_max = 0; /* the hypercall answers at once; where it does not settle it, so be it */
    }
    /* A guest that waits does not wait for its pages to be mapped where a hypercall tells. */
    if (paused && s->caps.count[EXCLAIM_FROM_HYPERCALL]
            ? s->hv->ops->count(s->hv, s->dom.domid, &how, &s->got, &err)
            : session_count_layout(s, &s->got, &err)) {
        exclaim_session_error(s, "verify: %s", err.text);
        return;
    }
    s->have_got = true;
    s->verified_paused = paused;
    if (!exclaim_count_usable(&s->got)) {
        exclaim_session_error(s, "verify: %s", s->got.why);
    }
    s->ms[EXCLAIM_TIMED_VERIFY] = exclaim_now_ms() - start;
}

bool exclaim_dest_end(struct exclaim_session *s, bool result, const char *failure)
{
    s->ms[EXCLAIM_TIMED_RESTORE] = exclaim_now_ms() - s->emulator_ms;
    session_undo(s, result);
    if (s->outcome != EXCLAIM_OUTCOME_DONE && failure && !s->error[0]) {
        exclaim_session_error(s, "%s", failure);
    }
    if (s->outcome == EXCLAIM_OUTCOME_DONE && s->have_match) {
        if (!is_quick(s)) {
            return true;
        }
        session_verify(s, true);
    }
    exclaim_session_report(s);
    return false;
}

void exclaim_dest_verify_later(struct exclaim_session *s)
{
    struct exclaim_error err = { 0 };
    pid_t pid = fork();

    if (pid < 0) {
        exclaim_session_error(s, "verify: fork: %m");
        exclaim_session_report(s);
        return;
    }
    if (pid) {
        return;
    }
    /*
     * A session of its own: a toolstack that kills ours must not take the report with it.  Nothing
     * that it reads from us, no stream and no control pipe, may be held open; stdin is /dev/null by
     * now.  The library's hypercall buffers
     * are not inherited over fork (MADV_DONTFORK), hence a new handle; the old one is left alone.
     */
    setsid();
    dup2(STDIN_FILENO, STDOUT_FILENO);
    dup2(STDIN_FILENO, STDERR_FILENO);
    exclaim_close_from(3);
    s->hv = NULL;
    if (exclaim_xen_open(&s->hv, &err)) {
        exclaim_session_error(s, "verify: %s", err.text);
    } else {
        session_verify(s, false);
    }
    exclaim_session_report(s);
    _exit(0);
}
