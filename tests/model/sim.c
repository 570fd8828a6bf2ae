/* SPDX-License-Identifier: BSD-2-Clause */
/* The events of a plan, carried out over the model. */
#include "sim_work.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "place/quota.h"
#include "base/process.h"
#include "reserve/ledger.h"
#include "session/finish.h"
#include "session/reason.h"
#include "session/reserve.h"

#define FOREIGN_DOMID 900u
#define BUILDER_DOMID 910u  /* and one per node */
#define SIM_BATCH     1024u /* libxenguest's MAX_BATCH_SIZE */

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

void sim_fail(struct sim *sim, const char *fmt, ...)
{
    va_list ap;

    if (!sim->result->failed) {
        va_start(ap, fmt);
        vsnprintf(sim->result->why, sizeof(sim->result->why), fmt, ap);
        va_end(ap);
        sim->result->failed = true;
    }
}

/* --- one migration's steps --- */

static void build(struct sim *sim, uint32_t who)
{
    const struct sim_migration *mig = &sim->plan->migration[who];
    struct exclaim_session *s = &sim->run[who].s;
    struct exclaim_reservation *res = &s->res;
    struct model_domain_config config = { .hvm = true, .nr_vcpus = 1 };
    struct exclaim_error err = { 0 };

    config.uuid[0] = (uint8_t)(who + 1);
    model_create(sim->m, sim_domid(who), &config);
    exclaim_session_init(s, EXCLAIM_ROLE_DESTINATION, "sim", sim_domid(who));
    s->config.policy = mig->strict ? EXCLAIM_POLICY_STRICT : EXCLAIM_POLICY_PREFER;
    s->config.headroom_pages = sim->plan->headroom;
    s->config.stray_pages = 0;
    snprintf(s->config.lock_dir, sizeof(s->config.lock_dir), "%s", sim->lock_dir);
    strcpy(s->config.place_object,
           "/proc/self/exe"); /* readable: placed by quota, as when preloaded */
    s->hv = model_hv(sim->m);
    memcpy(res->uuid, config.uuid, sizeof(res->uuid));
    res->count.nr_nodes = mig->nr_nodes;
    res->count.exact = true;
    for (uint32_t n = 0; n < mig->nr_nodes; n++) {
        res->count.pages[n] = mig->pages[n];
        res->count.total_pages += mig->pages[n];
    }
    res->max_pages = res->count.total_pages + 8;
    s->have_reservation = true;
    model_set_max(sim->m, sim_domid(who), res->max_pages);
    if (s->hv->ops->caps(s->hv, &s->caps, &err) ||
        exclaim_hv_domain(s->hv, sim_domid(who), &s->dom, &err)) {
        sim_fail(sim, "migration %u: %s", who, err.text);
    }
}

static void close_run(struct run *r)
{
    r->s.hv = NULL; /* the model's, and shared */
    exclaim_session_close(&r->s);
}

static void foreign(struct sim *sim, uint32_t node, uint64_t pages);
static void builder(struct sim *sim, uint32_t node, uint64_t pages);

static void race(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct sim *sim = arg;
    const struct sim_event *event = sim->race;

    (void)m;
    /* Claims for domain 0 are what src/xen probes with. */
    if ((op == MODEL_OP_CLAIM_PAGES || op == MODEL_OP_DOMCTL_CLAIMS) && domid && event) {
        sim->race = NULL;
        (event->kind == SIM_RACE ? foreign : builder)(sim, event->who, event->pages);
    }
}

static void reserve_step(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];
    struct sim_verdict verdict;
    bool raced = sim->race != NULL;
    int rc;

    build(sim, who);
    sim_judge(sim, who, &verdict);
    rc = dest_reserve(&r->s);
    raced = raced && !sim->race; /* it has happened */
    tell(sim, "%u reserves %" PRIu64 " pages: %s, guarantee %s %s", who, r->s.res.count.total_pages,
         r->s.have_match ? "matched" : "no match", exclaim_guarantee_name(r->s.guarantee),
         r->s.why);
    sim_check_reserved(sim, who, rc, raced, &verdict);
    if (rc || !r->s.have_entry) {
        if (rc) {
            session_undo(&r->s, false);
            sim->result->refused++;
        } else {
            sim->result->unclaimed++;
        }
        close_run(r);
        model_kill(sim->m, sim_domid(who));
        model_destroy(sim->m, sim_domid(who));
        r->phase = GONE;
        return;
    }
    /* The restoring process maps its entry. */
    atomic_store(&sim_entry(r)->placer, getpid());
    atomic_store(&sim_entry(r)->placer_start, exclaim_process_start_time(getpid()));
    atomic_store(&sim_entry(r)->state, EXCLAIM_ENTRY_PLACING);
    sim_entry(r)->join = SIM_ORDER;
    r->left = r->s.res.count.total_pages;
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
    struct populate_arg to = { sim->m, sim_domid(who) };
    const bool joins = sim->plan->config.generation == MODEL_4_17;
    const uint64_t most = joins ? SIM_BATCH : 1u << SIM_ORDER;

    pages = pages < r->left ? pages : r->left;
    while (pages) {
        const uint64_t chunk = pages < most ? pages : most;
        unsigned long start[SIM_BATCH];

        for (uint64_t i = 0; i < chunk; i++) {
            start[i] = (unsigned long)(r->s.res.count.total_pages - r->left + i);
        }
        if (joins || chunk < most ||
            quota_populate(sim_entry(r), 1, SIM_ORDER, start, populate, &to)) {
            if (quota_populate(sim_entry(r), (unsigned long)chunk, 0, start, populate, &to)) {
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
    model_kill(sim->m, sim_domid(who));
    model_destroy(sim->m, sim_domid(who));
    sim->run[who].phase = GONE;
}

static void check_placed(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];

    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        if (atomic_load(&sim_entry(r)->refused[n]) && !r->disturbed) {
            sim_fail(sim,
                     "migration %u: node %u is full for it, and nobody else took memory: oversold",
                     who, n);
        }
    }
}

static void arrive(struct sim *sim, uint32_t who)
{
    struct run *r = &sim->run[who];
    struct model_view view;

    check_placed(sim, who);
    atomic_store(&sim_entry(r)->result, 0);
    atomic_store(&sim_entry(r)->ended, 1);
    session_undo(&r->s, true);
    session_verify(&r->s, true);
    session_conclude(&r->s);
    model_view(sim->m, sim_domid(who), &view);
    if (view.outstanding) {
        sim_fail(sim, "migration %u: %" PRIu64 " pages still claimed at its end", who,
                 view.outstanding);
    }
    sim_check_arrived(sim, who, &view);
    tell(sim, "%u has arrived: %s", who, r->s.why);
    close_run(r);
    model_unpause(sim->m, sim_domid(who));
    r->phase = ARRIVED;
}

/* The restoring process is gone, or has returned; no process has that start time. */
static void in_vain(struct run *r)
{
    atomic_store(&sim_entry(r)->placer_start, 1);
    session_undo(&r->s, false);
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
                sim_fail(sim, "migration %u: populate failed, and nobody else took memory", who);
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
        struct exclaim_ledger_entry *e = sim_entry(r);

        e->pid_start = 1; /* no process has that start time: the owner is gone */
        place_batch(sim, who, in_flight);
        check_placed(sim, who);
        atomic_store(&e->placer_start, 1);
    }
    close_run(r);
    destroy(sim, who); /* the toolstack's, in the end */
}

/* What only the ledger keeps, others may take. */
static void disturb(struct sim *sim)
{
    for (uint32_t o = 0; o < sim->plan->nr_migrations; o++) {
        struct run *r = &sim->run[o];

        r->disturbed |= r->phase == PLACING && r->s.guarantee < EXCLAIM_GUARANTEE_NODE;
    }
}

static void foreign(struct sim *sim, uint32_t node, uint64_t pages)
{
    long got = model_populate(sim->m, FOREIGN_DOMID, pages, 0, MODEL_MEMF_EXACT_NODE(node));

    tell(sim, "another domain takes %ld of %" PRIu64 " pages on node %u", got, pages, node);
    if (got > 0) {
        disturb(sim);
    }
}

static int claim_on(struct sim *sim, uint32_t domid, uint32_t node, uint64_t pages)
{
    struct model_entry entry = { .pages = pages, .target = node };
    uint32_t nr = 1;

    switch (sim->plan->config.generation) {
    case MODEL_SETS_V5:
    case MODEL_SETS_V7:
    case MODEL_SETS_V8:
        return model_domctl_claims(sim->m, MODEL_DOMCTL_SET, domid, &entry, &nr, 0);
    case MODEL_XS9:
        return model_claim_pages(sim->m, domid, pages, MODEL_MEMF_EXACT_NODE(node));
    default:
        return model_claim_pages(sim->m, domid, pages, 0);
    }
}

/* Another toolstack's builder of a domain: claims, builds that much, is gone. */
static void builder(struct sim *sim, uint32_t node, uint64_t pages)
{
    const struct model_domain_config config = { .uuid = { 0xfe, (uint8_t)node }, .hvm = true };
    const uint32_t domid = BUILDER_DOMID + node;
    struct model_view view;

    if (model_view(sim->m, domid, &view)) {
        const uint64_t free = model_free_pages(sim->m, node), held = sim_others_claim(sim, node);

        model_create(sim->m, domid, &config);
        model_set_max(sim->m, domid, 1u << 20);
        pages = pages * 5 % (free > held ? free - held + 1 : 1);
        if (pages && !claim_on(sim, domid, node, pages)) {
            tell(sim, "a builder claims %" PRIu64 " pages on node %u", pages, node);
            disturb(sim);
        }
    } else if (view.outstanding) {
        tell(sim, "the builder on node %u builds %" PRIu64 " pages", node, view.outstanding);
        model_populate(sim->m, domid, view.outstanding, 0, MODEL_MEMF_EXACT_NODE(node));
        disturb(sim);
    } else {
        model_kill(sim->m, domid);
        model_destroy(sim->m, domid);
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
    case SIM_CLAIM:
        builder(sim, event->who, event->pages);
        break;
    case SIM_RACE:
    case SIM_RACE_CLAIM:
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
        sim_fail(sim, "the hypervisor stopped: %s", model_crashed(sim->m));
    } else if (!model_check(sim->m, why, sizeof(why))) {
        sim_fail(sim, "the model's sums: %s", why);
    }
}

/* In the end, and after the next use of the ledger, nothing is left. */
static void check_end(struct sim *sim)
{
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };

    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        model_kill(sim->m, BUILDER_DOMID + n);
        model_destroy(sim->m, BUILDER_DOMID + n);
    }
    if (model_claimed_pages(sim->m, MODEL_NO_NODE)) {
        sim_fail(sim, "%" PRIu64 " pages are claimed in the end",
                 model_claimed_pages(sim->m, MODEL_NO_NODE));
    }
    if (exclaim_ledger_open(sim->lock_dir, &ledger, &err) || exclaim_ledger_lock(ledger, 0, &err)) {
        sim_fail(sim, "ledger in the end: %s", err.text);
        return;
    }
    exclaim_ledger_prune(ledger, model_hv(sim->m));
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        if (atomic_load(&exclaim_ledger_at(ledger, i)->state) != EXCLAIM_ENTRY_FREE) {
            sim_fail(sim, "entry %u is left in the ledger", i);
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
        sim_fail(&sim, "the model did not open");
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
