/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random hosts, random migrations at once, random deaths and foreign allocations, on every
 * generation of claims.
 *
 * EXCLAIM_SIM_CASES (10000) and EXCLAIM_SIM_SEED (1) in the environment choose others.  A failing
 * case is run again with ever more left out; what is printed is the shortest story that still
 * fails.
 */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include <exclaim/ledger.h>

#include "sim.h"

/* xorshift64*: the same numbers everywhere. */
static uint64_t rnd(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}

static uint64_t between(uint64_t *state, uint64_t low, uint64_t high)
{
    return low + rnd(state) % (high - low + 1);
}

static void plan_host(struct sim_plan *plan, uint64_t *state)
{
    static const uint32_t sizes[] = { 1, 2, 2, 2, 3, 4, 4, 6 };

    plan->config.generation = (enum model_generation)between(state, 0, MODEL_GENERATIONS - 1);
    plan->config.untold = rnd(state) % 2;
    plan->config.nr_nodes = sizes[rnd(state) % ARRAY_SIZE(sizes)];
    for (uint32_t n = 0; n < plan->config.nr_nodes; n++) {
        plan->config.node[n].pages = between(state, 20, 1000);
    }
    plan->headroom = rnd(state) % 3 ? 0 : between(state, 1, 60);
}

static void plan_migration(struct sim_migration *mig, uint64_t *state)
{
    mig->nr_nodes = (uint32_t)between(state, 1, 4);
    mig->strict = rnd(state) % 2;
    for (uint32_t n = 0; n < mig->nr_nodes; n++) {
        mig->pages[n] = rnd(state) % 3 ? between(state, 1, 400) : 0;
    }
    mig->pages[rnd(state) % mig->nr_nodes] += between(state, 1, 200); /* never empty */
}

static void plan_make(struct sim_plan *plan, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
    const bool quiet = rnd(&state) % 4 == 0; /* nobody dies, nobody interferes: all must be exact */

    memset(plan, 0, sizeof(*plan));
    plan_host(plan, &state);
    plan->nr_migrations = (uint32_t)between(&state, 1, SIM_MIGRATIONS);
    for (uint32_t i = 0; i < plan->nr_migrations; i++) {
        plan_migration(&plan->migration[i], &state);
    }
    plan->nr_events = (uint32_t)between(&state, 8, SIM_EVENTS);
    for (uint32_t i = 0; i < plan->nr_events; i++) {
        struct sim_event *e = &plan->event[i];
        const uint64_t dice = rnd(&state) % 100;

        e->who = (uint32_t)(rnd(&state) % plan->nr_migrations);
        e->pages = between(&state, 1, 200);
        e->kind = dice < 76 || quiet ? SIM_ADVANCE
                  : dice < 79        ? SIM_KILL_HOOK
                  : dice < 82        ? SIM_KILL_CHILD
                  : dice < 84        ? SIM_FOREIGN
                  : dice < 86        ? SIM_RACE
                  : dice < 94        ? SIM_CLAIM
                  : dice < 97        ? SIM_RACE_CLAIM
                                     : SIM_LEAVE;
        if (e->kind == SIM_FOREIGN || e->kind == SIM_RACE || e->kind == SIM_CLAIM ||
            e->kind == SIM_RACE_CLAIM) {
            e->who = (uint32_t)(rnd(&state) % plan->config.nr_nodes);
        }
    }
}

/* Leaves out whatever the failure does not need, then tells what is left. */
static void tell_shortest(struct sim_plan *plan, const char *dir, uint64_t seed)
{
    struct sim_result result;

    for (uint32_t i = 0; i < plan->nr_events; i++) {
        plan->event[i].skip = true;
        sim_run(plan, dir, false, &result);
        plan->event[i].skip = result.failed;
    }
    printf("seed %llu, %s, %u nodes:", (unsigned long long)seed,
           model_generation_name(plan->config.generation), plan->config.nr_nodes);
    for (uint32_t n = 0; n < plan->config.nr_nodes; n++) {
        printf(" %llu", (unsigned long long)plan->config.node[n].pages);
    }
    printf(" pages, headroom %llu\n", (unsigned long long)plan->headroom);
    for (uint32_t i = 0; i < plan->nr_migrations; i++) {
        printf("migration %u (%s):", i, plan->migration[i].strict ? "strict" : "prefer");
        for (uint32_t n = 0; n < plan->migration[i].nr_nodes; n++) {
            printf(" %llu", (unsigned long long)plan->migration[i].pages[n]);
        }
        putchar('\n');
    }
    sim_run(plan, dir, true, &result);
    printf("=> %s\n", result.why);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void random_hosts(void **unused)
{
    const uint64_t cases = from_env("EXCLAIM_SIM_CASES", 10000);
    const uint64_t first = from_env("EXCLAIM_SIM_SEED", 1);
    uint64_t exact = 0, refused = 0, unclaimed = 0, killed = 0, again = 0, weaker = 0, inexact = 0;
    char dir[] = "/tmp/exclaim-sim-XXXXXX", file[64];
    static struct sim_plan plan;
    struct sim_result result;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    for (uint64_t seed = first; seed < first + cases; seed++) {
        plan_make(&plan, seed);
        sim_run(&plan, dir, false, &result);
        if (result.failed) {
            tell_shortest(&plan, dir, seed);
            fail();
        }
        exact += result.exact;
        refused += result.refused;
        unclaimed += result.unclaimed;
        killed += result.killed;
        again += result.again;
        weaker += result.weaker;
        inexact += result.inexact;
    }
    snprintf(file, sizeof(file), "%s/" EXCLAIM_LEDGER_FILE, dir);
    unlink(file);
    rmdir(dir);
    printf("%llu hosts: %llu migrations exact, %llu not and said so, %llu refused, %llu without a "
           "claim, %llu killed; %llu matched again, %llu with a weaker guarantee and said so\n",
           (unsigned long long)cases, (unsigned long long)exact, (unsigned long long)inexact,
           (unsigned long long)refused, (unsigned long long)unclaimed, (unsigned long long)killed,
           (unsigned long long)again, (unsigned long long)weaker);
    /* Had the dice kept any of these out, the run would have shown little. */
    assert_true(cases < 1000 ||
                (exact > cases && inexact && refused && unclaimed && killed && again && weaker));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_hosts) };

    setenv("EXCLAIM_CONF", "/dev/null", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
