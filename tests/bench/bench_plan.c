/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plans: an evacuation beside XAPI's rule (totals of hosts, biggest first onto the emptiest) and
 * CBC; a whole rolling upgrade with the way back; growth.
 *
 * usage: bench_plan [--cbc SECONDS]   with the exact solver, at most that long per instance
 */
#include <exclaim/plan.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../plan/gen.h"
#include "../plan/milp.h"

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

struct evacuation {
    uint32_t host[EXCLAIM_POOL_HOSTS], nr;
    uint32_t vm[4096 * 4], nr_vms;
};

static void choose(const struct exclaim_pool *pool, uint32_t nr, struct evacuation *e)
{
    e->nr = nr;
    e->nr_vms = 0;
    for (uint32_t i = 0; i < nr; i++) {
        e->host[i] = i * (pool->nr_hosts / nr);
    }
    for (uint32_t v = 0; v < pool->nr_vms && e->nr_vms < 4096 * 4; v++) {
        for (uint32_t i = 0; i < nr; i++) {
            if (pool->vm[v].host == e->host[i]) {
                e->vm[e->nr_vms++] = v;
            }
        }
    }
}

struct by_size {
    uint64_t pages;
    uint32_t vm;
};

static int larger(const void *a, const void *b)
{
    const struct by_size *x = a, *y = b;

    return x->pages > y->pages ? -1 : x->pages < y->pages;
}

/*
 * XAPI's plan, ocaml/xapi/binpack.ml: VMs by size, each onto the host with most free memory; what
 * then lies whole on nodes is found out afterwards, as the destinations would, by best fit.
 * Returns the VMs that keep their shape; *fits: how many have a host.
 */
static uint32_t host_totals(const struct exclaim_pool *pool, const struct evacuation *e,
                            uint32_t *fits, double *ms)
{
    static struct by_size order[4096 * 4];
    static uint32_t to[4096 * 4];
    uint64_t total[EXCLAIM_POOL_HOSTS], node[EXCLAIM_POOL_HOSTS][2];
    uint32_t kept = 0;

    *ms = now_ms();
    *fits = 0;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        total[h] = pool->host[h].host_free;
    }
    for (uint32_t i = 0; i < e->nr; i++) {
        total[e->host[i]] = 0;
    }
    for (uint32_t i = 0; i < e->nr_vms; i++) {
        order[i] = (struct by_size){ pool->vm[e->vm[i]].total_pages, e->vm[i] };
    }
    qsort(order, e->nr_vms, sizeof(*order), larger);
    for (uint32_t i = 0; i < e->nr_vms; i++) {
        uint32_t best = 0;

        for (uint32_t h = 1; h < pool->nr_hosts; h++) {
            best = total[h] > total[best] ? h : best;
        }
        to[i] = total[best] >= order[i].pages ? best : EXCLAIM_NO_HOST;
        if (to[i] != EXCLAIM_NO_HOST) {
            total[best] -= order[i].pages;
            (*fits)++;
        }
    }
    *ms = now_ms() - *ms;
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        for (uint32_t n = 0; n < 2; n++) {
            node[h][n] = pool->host[h].free[n] - pool->host[h].slack;
        }
    }
    for (uint32_t i = 0; i < e->nr_vms; i++) {
        const uint64_t *pages = pool->vm[order[i].vm].pages;
        uint64_t *left = to[i] == EXCLAIM_NO_HOST ? NULL : node[to[i]];
        const uint64_t need = pages[0] ? pages[0] : pages[1];

        if (!left) {
            continue;
        }
        if (pages[0] && pages[1]) {
            if (left[0] >= pages[0] && left[1] >= pages[1]) {
                left[0] -= pages[0];
                left[1] -= pages[1];
                kept++;
            }
        } else {
            uint32_t n = left[1] >= need && (left[0] < need || left[1] < left[0]);

            if (left[n] >= need) {
                left[n] -= need;
                kept++;
            }
        }
    }
    return kept;
}

struct kind {
    struct gen_large pool;
    uint32_t empty, instances;
};

static void evacuations(const struct kind *kind, uint32_t cbc)
{
    static struct evacuation e;
    double *ms = calloc(kind->instances, sizeof(*ms)), xapi_ms = 0, cbc_ms = 0, cbc_max = 0;
    uint64_t vms = 0, kept = 0, bound = 0, xapi = 0, exact = 0, proven = 0, fits = 0, left = 0;
    uint32_t worse = 0, solved = 0;

    for (uint32_t i = 0; i < kind->instances && ms; i++) {
        struct exclaim_pool *pool = gen_large(&kind->pool, 1000 * kind->empty + i);
        const struct exclaim_plan_options opt = { 0 };
        const struct exclaim_plan_proof *proof;
        struct exclaim_plan *plan;
        struct exclaim_error err;
        struct milp_answer answer;
        uint32_t fit;
        double t;

        choose(pool, kind->empty, &e);
        for (int warm = 0; warm < 2; warm++) {
            t = now_ms();
            if (exclaim_plan_evacuate(pool, e.host, e.nr, &opt, &plan, &err)) {
                fprintf(stderr, "bench_plan: %s\n", err.text);
                exit(1);
            }
            ms[i] = now_ms() - t;
            if (!warm) {
                exclaim_plan_free(plan);
            }
        }
        if (exclaim_plan_check(pool, plan, &opt, &err)) {
            fprintf(stderr, "bench_plan: %s\n", err.text);
            exit(1);
        }
        proof = &plan->step[0].proof;
        xapi += host_totals(pool, &e, &fit, &t);
        xapi_ms += t;
        fits += fit;
        vms += proof->nr_vms;
        left += proof->leave.reached;
        kept += proof->keep.reached;
        bound += proof->keep.bound;
        proven += exclaim_plan_optimal(proof);
        if (cbc && proof->nr_vms < 400 &&
            milp_evacuate(pool, e.host, e.nr, &opt, cbc, "/tmp", &answer)) {
            solved += answer.optimal;
            exact += answer.keep;
            cbc_ms += answer.ms;
            cbc_max = answer.ms > cbc_max ? answer.ms : cbc_max;
            worse += answer.leave > proof->leave.reached ||
                     (answer.leave == proof->leave.reached && answer.keep > proof->keep.reached);
        }
        exclaim_plan_free(plan);
        gen_free(pool);
    }
    qsort(ms, kind->instances, sizeof(*ms), compare_double);
    printf("%2ux%-5u %3u%% %2u%c  %5.1f / %5.1f  %5.1f  %5.1f  %5.1f  %2llu/%-2u  %7.3f  %8.3f  "
           "%8.3f",
           kind->pool.hosts, kind->pool.vms, kind->pool.fill, kind->empty,
           kind->pool.arrival ? 'a' : ' ', 100.0 * (double)fits / (double)vms,
           100.0 * (double)left / (double)vms, 100.0 * (double)xapi / (double)vms,
           100.0 * (double)kept / (double)vms, 100.0 * (double)bound / (double)vms,
           (unsigned long long)proven, kind->instances, xapi_ms / kind->instances,
           ms[kind->instances / 2], ms[kind->instances - 1]);
    if (exact) {
        printf("  %5.1f %2u/%-2u %8.0f %8.0f  %u", 100.0 * (double)exact / (double)vms, solved,
               kind->instances, cbc_ms / kind->instances, cbc_max, worse);
    }
    puts("");
    fflush(stdout);
    free(ms);
}

static void roll(const struct gen_large *how, enum exclaim_plan_back back, const char *name)
{
    struct exclaim_pool *pool = gen_large(how, 7);
    const struct exclaim_rolling_options opt = { .back = back };
    struct exclaim_plan *plan;
    struct exclaim_error err;
    uint64_t kept = 0, temporary = 0;
    double t = now_ms();

    if (exclaim_plan_rolling(pool, &opt, &plan, &err)) {
        fprintf(stderr, "bench_plan: %s\n", err.text);
        exit(1);
    }
    t = now_ms() - t;
    for (uint32_t i = 0; i < plan->nr_moves; i++) {
        kept += plan->move[i].kept;
        temporary += plan->move[i].temporary;
    }
    if (exclaim_plan_check(pool, plan, &opt.plan, &err)) {
        fprintf(stderr, "bench_plan: %s\n", err.text);
        exit(1);
    }
    printf("%2ux%-5u %3u%%  %-4s  %6u  %6u  %5.1f  %9llu  %6u  %s  %8.2f\n", how->hosts,
           pool->nr_vms, how->fill, name, plan->nr_steps, plan->nr_moves,
           100.0 * (double)kept / (double)(plan->nr_moves ? plan->nr_moves : 1),
           (unsigned long long)temporary, plan->nr_strays, plan->blocked ? "blocked" : "done   ",
           t);
    fflush(stdout);
    exclaim_plan_free(plan);
    gen_free(pool);
}

int main(int argc, char **argv)
{
    static const struct kind kinds[] = {
        { { 4, 60, 65, false }, 1, 30 },    { { 8, 125, 75, false }, 1, 30 },
        { { 16, 250, 85, false }, 1, 30 },  { { 64, 1000, 90, false }, 1, 30 },
        { { 64, 1000, 95, false }, 1, 30 }, { { 64, 1000, 95, true }, 1, 30 },
        { { 64, 1000, 85, false }, 4, 10 }, { { 64, 1000, 85, false }, 8, 5 },
        { { 64, 1000, 80, false }, 12, 3 }, { { 8, 100, 75, false }, 1, 5 },
        { { 64, 16000, 78, false }, 1, 3 }, { { 64, 58500, 78, false }, 1, 2 },
        { { 64, 64000, 78, false }, 1, 2 }, { { 64, 58500, 78, false }, 8, 1 },
    };
    static const struct gen_large pools[] = { { 8, 100, 75, false },    { 16, 250, 80, false },
                                              { 64, 1000, 85, false },  { 64, 1000, 85, true },
                                              { 64, 16000, 78, false }, { 64, 64000, 78, false } };
    const uint32_t cbc = argc > 2 && !strcmp(argv[1], "--cbc") ? (uint32_t)atoi(argv[2]) : 0;

    puts(
        "\nE hosts emptied at once; VMs that have a host (host totals / ours) and that keep their\n"
        "shape (host totals, ours, our bound), of 100; proven optimal; median and worst time");
    printf("pool     fill E   leave: totals/ours  shape: totals ours bound  proven  totals_ms  "
           "ours_ms  worst_ms%s\n",
           cbc ? "  CBC: shape solved mean_ms max_ms ours_worse" : "");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        evacuations(&kinds[i], cbc);
    }
    puts("\nrolling upgrade\npool     fill  back   steps   moves  shape  temporary  strays  end    "
         "  "
         "   ms");
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        roll(&pools[i], EXCLAIM_BACK_EACH, "each");
        roll(&pools[i], EXCLAIM_BACK_END, "end");
    }
    return 0;
}
