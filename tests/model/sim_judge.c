/* SPDX-License-Identifier: BSD-2-Clause */
/* What a migration could have got, from the model's own numbers, and whether it got that. */
#include "sim_work.h"

#include <inttypes.h>
#include <string.h>

/* A node's claims, as far as they are counted. */
enum sight { SEEN, CAUTIOUS, TRUE };

static bool has_sets(const struct sim *sim)
{
    return sim->plan->config.generation >= MODEL_SETS_V5;
}

static bool has_node_claims(const struct sim *sim)
{
    return has_sets(sim) || sim->plan->config.generation == MODEL_XS9;
}

static bool tells_nodes(const struct sim *sim)
{
    return sim->plan->config.generation == MODEL_XS9 && !sim->plan->config.untold;
}

uint64_t sim_others_claim(const struct sim *sim, uint32_t node)
{
    return model_claimed_pages(sim->m, has_node_claims(sim) ? node : MODEL_NO_NODE);
}

static uint64_t owed(const struct exclaim_ledger_entry *e, uint32_t node)
{
    uint64_t done = atomic_load(&e->placed[node]) + atomic_load(&e->refused[node]);

    return e->target[node] > done ? e->target[node] - done : 0;
}

/* What our migrations still owe on the node; @least and @most bound their guarantees. */
static uint64_t ledger(struct sim *sim, uint32_t node, enum exclaim_guarantee least,
                       enum exclaim_guarantee most)
{
    uint64_t sum = 0;

    for (uint32_t o = 0; o < sim->plan->nr_migrations; o++) {
        struct run *r = &sim->run[o];

        if (r->phase == PLACING && sim_entry(r)->guarantee >= least &&
            sim_entry(r)->guarantee <= most) {
            sum += owed(sim_entry(r), node);
        }
    }
    return sum;
}

/* Claims of others whose nodes Xen holds and does not tell. */
static uint64_t hidden(struct sim *sim)
{
    uint64_t claimed = model_claimed_pages(sim->m, MODEL_NO_NODE), ours = 0;

    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        ours += ledger(sim, n, EXCLAIM_GUARANTEE_HOST, EXCLAIM_GUARANTEE_NODE_SET);
    }
    return has_node_claims(sim) && !tells_nodes(sim) && claimed > ours ? claimed - ours : 0;
}

static uint64_t room(struct sim *sim, uint32_t node, enum sight sight, uint64_t slack)
{
    const bool told = tells_nodes(sim) || sight == TRUE;
    const bool unkept = ledger(sim, node, EXCLAIM_GUARANTEE_NONE, EXCLAIM_GUARANTEE_HOST) != 0;
    uint64_t taken = slack + (sight == CAUTIOUS || (sight == SEEN && unkept) ? hidden(sim) : 0);

    taken += told && has_node_claims(sim) ? model_claimed_pages(sim->m, node) : 0;
    taken += ledger(sim, node, EXCLAIM_GUARANTEE_NONE,
                    told ? EXCLAIM_GUARANTEE_HOST : EXCLAIM_GUARANTEE_NODE_SET);
    return model_free_pages(sim->m, node) > taken ? model_free_pages(sim->m, node) - taken : 0;
}

/* Parts, each on a node of its own. */
static bool assignable(const struct sim_migration *mig, const uint64_t *rooms, uint32_t nodes,
                       uint32_t part, uint64_t used)
{
    while (part < mig->nr_nodes && !mig->pages[part]) {
        part++;
    }
    if (part == mig->nr_nodes) {
        return true;
    }
    for (uint32_t n = 0; n < nodes; n++) {
        if (!(used & (1ull << n)) && rooms[n] >= mig->pages[part] &&
            assignable(mig, rooms, nodes, part + 1, used | 1ull << n)) {
            return true;
        }
    }
    return false;
}

static uint64_t needs(const struct sim_migration *mig)
{
    uint64_t need = 0;

    for (uint32_t i = 0; i < mig->nr_nodes; i++) {
        need += mig->pages[i];
    }
    return need;
}

static bool fits(struct sim *sim, uint32_t who, enum sight sight, uint64_t slack, bool *one)
{
    const struct sim_migration *mig = &sim->plan->migration[who];
    uint64_t rooms[MODEL_NODES], all = 0, need = needs(mig);

    *one = false;
    if (model_free_pages(sim->m, MODEL_NO_NODE) <
        sim->plan->headroom + model_claimed_pages(sim->m, MODEL_NO_NODE) + need) {
        return false;
    }
    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        rooms[n] = room(sim, n, sight, slack);
        if (sight == TRUE && slack && room(sim, n, SEEN, slack) < rooms[n]) {
            rooms[n] = room(sim, n, SEEN, slack); /* what is not seen to be free is not used */
        }
        *one |= rooms[n] >= need;
        all += rooms[n];
    }
    return mig->strict ? assignable(mig, rooms, sim->plan->config.nr_nodes, 0, 0) : all >= need;
}

void sim_judge(struct sim *sim, uint32_t who, struct sim_verdict *verdict)
{
    bool unused;

    verdict->seen = fits(sim, who, SEEN, EXCLAIM_NODE_SLACK, &unused);
    verdict->cautious = fits(sim, who, CAUTIOUS, EXCLAIM_NODE_SLACK, &unused);
    verdict->held = fits(sim, who, TRUE, EXCLAIM_NODE_SLACK, &verdict->one_node);
    verdict->tight = fits(sim, who, TRUE, 0, &unused);
    verdict->foreign = hidden(sim) != 0;
}

static uint32_t homes(const struct exclaim_match *match)
{
    uint32_t nr = 0;

    for (uint32_t n = 0; n < match->nr_nodes; n++) {
        nr += match->pages[n] != 0;
    }
    return nr;
}

/* What this Xen has for the match; with @any, for the match it likes best. */
static enum exclaim_guarantee strongest(const struct sim *sim, const struct exclaim_match *match,
                                        bool any)
{
    if (has_sets(sim)) {
        return EXCLAIM_GUARANTEE_NODE_SET;
    }
    return has_node_claims(sim) && (any || homes(match) == 1) ? EXCLAIM_GUARANTEE_NODE
                                                              : EXCLAIM_GUARANTEE_HOST;
}

static uint32_t parts(const struct sim_migration *mig)
{
    uint32_t nr = 0;

    for (uint32_t i = 0; i < mig->nr_nodes; i++) {
        nr += mig->pages[i] != 0;
    }
    return nr;
}

static void check_strict(struct sim *sim, uint32_t who, int rc, bool raced,
                         const struct sim_verdict *verdict)
{
    const struct exclaim_session *r = &sim->run[who].s;
    const bool by_ledger = !has_sets(sim) && parts(&sim->plan->migration[who]) > 1;

    if (!rc && r->guarantee < strongest(sim, &r->match, false)) {
        sim_fail(sim, "migration %u: strict, guarantee %s where the match can have %s (%s)", who,
                 exclaim_guarantee_name(r->guarantee),
                 exclaim_guarantee_name(strongest(sim, &r->match, false)), r->why);
    }
    if (raced) {
        return;
    }
    if (!rc && !(by_ledger ? verdict->cautious : verdict->tight)) {
        sim_fail(sim, "migration %u: strict, accepted where it does not fit (%s)", who, r->why);
    }
    if (rc && (by_ledger ? verdict->cautious : verdict->held)) {
        sim_fail(sim, "migration %u: strict, refused where it fits (%s)", who, r->why);
    }
}

static void check_prefer(struct sim *sim, uint32_t who, const struct sim_verdict *verdict)
{
    const struct exclaim_session *r = &sim->run[who].s;

    if (r->have_match != verdict->seen) {
        sim_fail(sim, "migration %u: match says %s, brute force the contrary (%s)", who,
                 verdict->seen ? "no" : "yes", r->why);
    }
    if (r->have_match && r->guarantee == EXCLAIM_GUARANTEE_NONE) {
        sim_fail(sim, "migration %u: it fits and was not claimed: %s", who, r->why);
    }
    if (r->have_match && r->guarantee < strongest(sim, &r->match, false) &&
        (has_sets(sim) ? verdict->held : verdict->one_node)) {
        sim_fail(sim, "migration %u: guarantee %s where %s was possible (%s)", who,
                 exclaim_guarantee_name(r->guarantee),
                 exclaim_guarantee_name(strongest(sim, &r->match, false)), r->why);
    }
}

void sim_check_reserved(struct sim *sim, uint32_t who, int rc, bool raced,
                        const struct sim_verdict *verdict)
{
    struct run *run = &sim->run[who];
    const struct exclaim_session *r = &run->s;

    sim->result->again += strstr(r->why, " claimable") != NULL;
    if (sim->plan->migration[who].strict) {
        check_strict(sim, who, rc, raced, verdict);
    } else if (!raced) {
        check_prefer(sim, who, verdict);
    }
    if (!rc && run->s.have_entry && r->guarantee < strongest(sim, &r->match, false)) {
        sim->result->weaker++;
        if (!r->why[0]) {
            sim_fail(sim, "migration %u: guarantee %s without a word", who,
                     exclaim_guarantee_name(r->guarantee));
        }
    }
    run->disturbed = r->guarantee < EXCLAIM_GUARANTEE_NODE &&
                     (raced || (verdict->foreign && !sim->plan->migration[who].strict));
}

void sim_check_arrived(struct sim *sim, uint32_t who, const struct model_view *view)
{
    struct run *run = &sim->run[who];
    const struct exclaim_session *r = &run->s;
    bool moved = false;

    for (uint32_t n = 0; n < sim->plan->config.nr_nodes; n++) {
        moved |= view->pages[n] != r->match.pages[n];
    }
    if (moved != !exclaim_session_exact(r)) {
        sim_fail(sim, "migration %u: reported %s, and is not (%s)", who,
                 moved ? "exact" : "not exact", r->why);
    }
    if (moved && !run->disturbed) {
        sim_fail(sim, "migration %u: guarantee %s, and not where it was matched (%s)", who,
                 exclaim_guarantee_name(r->guarantee), r->why);
    }
    if ((moved || r->guarantee < strongest(sim, &r->match, true)) && !r->why[0]) {
        sim_fail(sim, "migration %u: guarantee %s, %s, without a word", who,
                 exclaim_guarantee_name(r->guarantee), moved ? "not exact" : "exact");
    }
    sim->result->exact += !moved;
    sim->result->inexact += moved;
}
