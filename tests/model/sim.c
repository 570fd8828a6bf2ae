/* SPDX-License-Identifier: BSD-2-Clause */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/session.h>

#include "place/quota.h"
#include "base/process.h"
#include "session/reserve.h"

#define FOREIGN_DOMID 900u
#define SIM_BATCH     1024u /* libxenguest's MAX_BATCH_SIZE */

enum phase { NEW, PLACING, ARRIVED, GONE };

struct run {
    struct exclaim_session s;
    enum phase phase;
    uint64_t left;  /* pages restore has not asked for yet */
    bool disturbed; /* others took memory since it reserved */
};

struct sim {
    const struct sim_plan *plan;
    struct sim_result *result;
    struct model *m;
    const char *lock_dir;
    bool story;
    const struct sim_event *race; /* to happen inside the next reservation */
    struct run run[SIM_MIGRATIONS];
};

static void tell(const struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(const struct sim *sim, const char *fmt, ...)
{
    va_list ap;

    if (sim->story) {
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
    }
}

static void fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct sim *sim, const char *fmt, ...)
{
    va_list ap;

    if (!sim->result->failed) {
        va_start(ap, fmt);
        vsnprintf(sim->result->why, sizeof(sim->result->why), fmt, ap);
        va_end(ap);
        sim->result->failed = true;
    }
}

static uint32_t domid_of(uint32_t who)
{
    return who + 1;
}

static struct exclaim_ledger_entry *entry_of(struct run *r)
{
    return exclaim_ledger_at(r->s.ledger, r->s.slot);
}

static uint64_t owed(const struct exclaim_ledger_entry *e, uint32_t node)
{
    uint64_t done = atomic_load(&e->placed[node]) + atomic_load(&e->refused[node]);

    return e->target[node] > done ? e->target[node] - done : 0;
}

/* --- the verdict by brute force, from the model's own numbers --- */

/* Parts, each on a node of its own. */
static bool assignable(const struct sim_migration *mig, const uint64_t *room, uint32_t nodes,
                       uint32_t part, uint64_t used)
{
    while (part < mig->nr_nodes && !mig->pages[part]) {
        part++;
    }
    if (part == mig->nr_nodes) {
        return true;
    }
    for (uint32_t n = 0; n < nodes; n++) {
        if (!(used & (1ull << n)) && room[n] >= mig->pages[part] &&
            assignable(mig, room, nodes, part + 1, used | 1ull << n)) {
            return true;
        }
    }
    return false;
}

static bool fits(struct sim *sim, uint32_t who)
{
    const struct sim_migration *mig = &sim->plan->migration[who];
    uint64_t room[MODEL_NODES], all = 0, need = 0, promised = sim->plan->headroom;
    const bool xen_knows = sim->plan->config.generation == MODEL_XS9;

    for (uint32_t i = 0; i < mig->nr_nodes; i++) {
        need += mig->pages[i];
    }
    promised += model_claimed_pages(sim->m, MODEL_NO_NODE);
    if (model_free_pages(sim->m, MODEL_NO_NODE) < promised + need) {
        return false;
    }
    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        uint64_t taken = EXCLAIM_NODE_SLACK + (xen_knows ? model_claimed_pages(sim->m, n) : 0);

        for (uint32_t o = 0; o < sim->plan->nr_migrations; o++) {
            struct run *r = &sim->run[o];

            if (r->phase == PLACING &&
                !(xen_knows && entry_of(r)->guarantee >= EXCLAIM_GUARANTEE_NODE)) {
                taken += owed(entry_of(r), n);
            }
        }
        room[n] = model_free_pages(sim->m, n) > taken ? model_free_pages(sim->m, n) - taken : 0;
        all += room[n];
    }
    return mig->strict ? assignable(mig, room, sim->plan->config.nr_nodes, 0, 0) : all >= need;
}

/* --- one migration's steps --- */

static void build(struct sim *sim, uint32_t who)
{
    const struct sim_migration *mig = &sim->plan->migration[who];
    struct exclaim_session *s = &sim->run[who].s;
    struct exclaim_reservation *res = &s->report.res;
    struct model_domain_config config = { .hvm = true, .nr_vcpus = 1 };
    struct exclaim_error err = { 0 };

    config.uuid[0] = (uint8_t)(who + 1);
    model_create(sim->m, domid_of(who), &config);
    exclaim_session_init(s, EXCLAIM_ROLE_DESTINATION, "sim", domid_of(who));
    s->config.policy = mig->strict ? EXCLAIM_POLICY_STRICT : EXCLAIM_POLICY_PREFER;
    s->config.headroom_pages = sim->plan->headroom;
    s->config.stray_pages = 0;
    snprintf(s->config.lock_dir, sizeof(s->config.lock_dir), "%s", sim->lock_dir);
    strcpy(s->config.place_object, "/dev/null"); /* readable: placed by quota, as when preloaded */
    s->hv = model_hv(sim->m);
    memcpy(res->uuid, config.uuid, sizeof(res->uuid));
    res->count.nr_nodes = mig->nr_nodes;
    res->count.exact = true;
    for (uint32_t n = 0; n < mig->nr_nodes; n++) {
        res->count.pages[n] = mig->pages[n];
        res->count.total_pages += mig->pages[n];
    }
    res->max_pages = res->count.total_pages + 8;
    s->report.have_reservation = true;
    model_set_max(sim->m, domid_of(who), res->max_pages);
    if (s->hv->ops->caps(s->hv, &s->caps, &err) ||
        exclaim_hv_domain(s->hv, domid_of(who), &s->dom, &err)) {
        fail(sim, "migration %u: %s", who, err.text);
    }
}

static void close_run(struct run *r)
{
    r->s.hv = NULL; /* the model's, and shared */
    exclaim_session_close(&r->s);
}

static void foreign(struct sim *sim, uint32_t node, uint64_t pages);

static void race(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct sim *sim = arg;
    const struct sim_event *event = sim->race;

    (void)m;
    /* Claims for domain 0 are what src/xen probes with. */
    if ((op == MODEL_OP_CLAIM_PAGES || op == MODEL_OP_DOMCTL_CLAIMS) && domid && event) {
        sim->race = NULL;
        foreign(sim, event->who, event->pages);
    }
}

static void reserve_step(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];
    bool expected, raced = sim->race != NULL;
    int rc;

    build(sim, who);
    expected = fits(sim, who);
    rc = dest_reserve(&r->s);
    raced = raced && !sim->race; /* it has happened */
    r->disturbed = raced;
    tell(sim, "%u reserves %" PRIu64 " pages: %s, guarantee %s %s", who,
         r->s.report.res.count.total_pages, r->s.report.have_match ? "matched" : "no match",
         exclaim_guarantee_name(r->s.report.guarantee), r->s.report.why);
    if (r->s.report.have_match != expected) {
        fail(sim, "migration %u: match says %s, brute force the contrary (%s)", who,
             expected ? "no" : "yes", r->s.report.why);
    }
    if (r->s.report.have_match && r->s.report.guarantee == EXCLAIM_GUARANTEE_NONE && !raced) {
        fail(sim, "migration %u: it fits and was not claimed: %s", who, r->s.report.why);
    }
    if (rc || !r->s.have_entry) {
        if (rc) {
            exclaim_dest_restored(&r->s, false);
            sim->result->refused++;
        } else {
            sim->result->unclaimed++;
        }
        close_run(r);
        model_kill(sim->m, domid_of(who));
        model_destroy(sim->m, domid_of(who));
        r->phase = GONE;
        return;
    }
    /* The restoring process maps its entry. */
    atomic_store(&entry_of(r)->placer, getpid());
    atomic_store(&entry_of(r)->placer_start, exclaim_process_start(getpid()));
    atomic_store(&entry_of(r)->state, EXCLAIM_ENTRY_PLACING);
    entry_of(r)->join = SIM_ORDER;
    r->left = r->s.report.res.count.total_pages;
    r->phase = PLACING;
}

struct populate_arg {
    struct model *m;
    uint32_t domid;
};

static long populate(void *arg, const struct quota_run *run)
{
    const struct populate_arg *to = arg;

    return model_populate(to->m, to->domid, run->nr, run->order,
                          run->node == QUOTA_ANY_NODE ? 0 : MODEL_MEMF_EXACT_NODE(run->node));
}

/*
 * Restore up to Xen 4.20 asks for a batch's pages in one call, and quota_populate() joins them.
 * From 4.21 on it tries a large extent first and takes its pages one by one if it fails.
 */
static bool place_batch(struct sim *sim, uint32_t who, uint64_t pages)
{
    struct run *r = &sim->run[who];
    struct populate_arg to = { sim->m, domid_of(who) };
    const bool joins = sim->plan->config.generation == MODEL_4_17;
    const uint64_t most = joins ? SIM_BATCH : 1u << SIM_ORDER;

    pages = pages < r->left ? pages : r->left;
    while (pages) {
        const uint64_t chunk = pages < most ? pages : most;
        unsigned long start[SIM_BATCH];

        for (uint64_t i = 0; i < chunk; i++) {
            start[i] = (unsigned long)(r->s.report.res.count.total_pages - r->left + i);
        }
        if (joins || chunk < most ||
            quota_populate(entry_of(r), 1, SIM_ORDER, start, populate, &to)) {
            if (quota_populate(entry_of(r), (unsigned long)chunk, 0, start, populate, &to)) {
                return false;
            }
        }
        pages -= chunk;
        r->left -= chunk;
    }
    return true;
}

static void destroy(struct sim *sim, uint32_t who)
{
    model_kill(sim->m, domid_of(who));
    model_destroy(sim->m, domid_of(who));
    sim->run[who].phase = GONE;
}

static void check_placed(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];

    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        if (atomic_load(&entry_of(r)->refused[n]) && !r->disturbed) {
            fail(sim, "migration %u: node %u is full for it, and nobody else took memory: oversold",
                 who, n);
        }
    }
}

static void arrive(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];
    struct model_view view;

    check_placed(sim, who);
    atomic_store(&entry_of(r)->result, 0);
    atomic_store(&entry_of(r)->ended, 1);
    exclaim_dest_restored(&r->s, true);
    model_view(sim->m, domid_of(who), &view);
    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        if (view.pages[n] != r->s.report.match.pages[n] && !r->disturbed) {
            fail(sim, "migration %u: %" PRIu64 " pages on node %u, reserved %" PRIu64, who,
                 view.pages[n], n, r->s.report.match.pages[n]);
        }
    }
    if (view.outstanding) {
        fail(sim, "migration %u: %" PRIu64 " pages still claimed at its end", who,
             view.outstanding);
    }
    sim->result->exact += !r->disturbed;
    tell(sim, "%u has arrived", who);
    close_run(r);
    model_unpause(sim->m, domid_of(who));
    r->phase = ARRIVED;
}

/* The restoring process is gone, or has returned; no process has that start time. */
static void in_vain(struct run *r)
{
    atomic_store(&entry_of(r)->placer_start, 1);
    exclaim_dest_restored(&r->s, false);
}

static void advance(struct sim *sim, uint32_t who, uint64_t pages)
{
    struct run *r = &sim->run[who];

    if (r->phase == NEW) {
        reserve_step(sim, who);
    } else if (r->phase == PLACING && r->left) {
        if (!place_batch(sim, who, pages)) {
            tell(sim, "%u finds no memory at all", who);
            if (!r->disturbed) {
                fail(sim, "migration %u: populate failed, and nobody else took memory", who);
            }
            in_vain(r);
            close_run(r);
            destroy(sim, who);
        }
    } else if (r->phase == PLACING) {
        arrive(sim, who);
    }
}

static void kill_run(struct sim *sim, uint32_t who, bool hook, uint64_t in_flight)
{
    struct run *r = &sim->run[who];

    if (r->phase != PLACING) {
        return;
    }
    tell(sim, "%u: %s is killed", who, hook ? "hook" : "restoring process");
    sim->result->killed++;
    if (!hook) {
        in_vain(r);
    } else {
        struct exclaim_ledger_entry *e = entry_of(r);

        e->pid_start = 1; /* no process has that start time: the owner is gone */
        place_batch(sim, who, in_flight);
        check_placed(sim, who);
        atomic_store(&e->placer_start, 1);
    }
    close_run(r);
    destroy(sim, who); /* the toolstack's, in the end */
}

static void foreign(struct sim *sim, uint32_t node, uint64_t pages)
{
    long got = model_populate(sim->m, FOREIGN_DOMID, pages, 0, MODEL_MEMF_EXACT_NODE(node));

    tell(sim, "another domain takes %ld of %" PRIu64 " pages on node %u", got, pages, node);
    for (uint32_t o = 0; got > 0 && o < sim->plan->nr_migrations; o++) {
        sim->run[o].disturbed |= sim->run[o].phase == PLACING;
    }
}

static void step(struct sim *sim, const struct sim_event *event)
{
    char why[200];

    switch (event->kind) {
    case SIM_ADVANCE:
        advance(sim, event->who, event->pages);
        break;
    case SIM_KILL_HOOK:
        kill_run(sim, event->who, true, event->pages);
        break;
    case SIM_KILL_CHILD:
        kill_run(sim, event->who, false, 0);
        break;
    case SIM_FOREIGN:
        foreign(sim, event->who, event->pages);
        break;
    case SIM_RACE:
        sim->race = event;
        break;
    case SIM_LEAVE:
        if (sim->run[event->who].phase == ARRIVED) {
            tell(sim, "guest %u is shut down", event->who);
            destroy(sim, event->who);
        }
        break;
    case SIM_KINDS:
        break;
    }
    if (model_crashed(sim->m)) {
        fail(sim, "the hypervisor stopped: %s", model_crashed(sim->m));
    } else if (!model_check(sim->m, why, sizeof(why))) {
        fail(sim, "the model's sums: %s", why);
    }
}

/* In the end, and after the next use of the ledger, nothing is left. */
static void check_end(struct sim *sim)
{
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };

    if (model_claimed_pages(sim->m, MODEL_NO_NODE)) {
        fail(sim, "%" PRIu64 " pages are claimed in the end",
             model_claimed_pages(sim->m, MODEL_NO_NODE));
    }
    if (exclaim_ledger_open(sim->lock_dir, &ledger, &err) || exclaim_ledger_lock(ledger, 0, &err)) {
        fail(sim, "ledger in the end: %s", err.text);
        return;
    }
    exclaim_ledger_prune(ledger, model_hv(sim->m));
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        if (atomic_load(&exclaim_ledger_at(ledger, i)->state) != EXCLAIM_ENTRY_FREE) {
            fail(sim, "entry %u is left in the ledger", i);
            exclaim_ledger_remove(ledger, i);
        }
    }
    exclaim_ledger_unlock(ledger);
    exclaim_ledger_close(ledger);
}

void sim_run(const struct sim_plan *plan, const char *lock_dir, bool story,
             struct sim_result *result)
{
    static struct sim sim; /* large */
    const struct model_domain_config other = { .uuid = { 0xff }, .hvm = true, .nr_vcpus = 1 };

    memset(&sim, 0, sizeof(sim));
    memset(result, 0, sizeof(*result));
    sim.plan = plan;
    sim.result = result;
    sim.lock_dir = lock_dir;
    sim.story = story;
    if (model_open(&plan->config, &sim.m)) {
        fail(&sim, "the model did not open");
        return;
    }
    model_set_hook(sim.m, race, &sim);
    model_create(sim.m, FOREIGN_DOMID, &other);
    model_set_max(sim.m, FOREIGN_DOMID, 1u << 30);

    for (uint32_t i = 0; i < plan->nr_events && !result->failed; i++) {
        if (!plan->event[i].skip) {
            step(&sim, &plan->event[i]);
        }
    }
    for (uint32_t who = 0; who < plan->nr_migrations; who++) {
        while (!result->failed && (sim.run[who].phase == PLACING)) {
            step(&sim, &(struct sim_event){ .kind = SIM_ADVANCE, .who = who, .pages = 1024 });
        }
        if (sim.run[who].phase == PLACING) {
            in_vain(&sim.run[who]);
            close_run(&sim.run[who]);
        }
    }
    check_end(&sim);
    model_hv(sim.m)->ops->close(model_hv(sim.m));
}
