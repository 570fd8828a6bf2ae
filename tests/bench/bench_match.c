/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time of one match from 2 to 64 nodes, in its cheapest and its dearest form: same numbers; nothing
 * keeps its number, with distances to compare; nothing fits whole, all is split.
 */
#include <exclaim/match.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPEATS 7

enum form { SAME, RENUMBERED, SPLIT, FORMS };

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Parts grow with their number; the destination's nodes are the same sizes the other way round. */
static void fill(struct exclaim_reservation *res, struct exclaim_room *room, uint32_t nodes,
                 enum form form)
{
    memset(res, 0, sizeof(*res));
    memset(room, 0, sizeof(*room));
    res->count.nr_nodes = room->nr_nodes = nodes;
    res->count.exact = true;
    for (uint32_t i = 0; i < nodes; i++) {
        const uint64_t pages = 1000000 + 1000 * (uint64_t)i;

        res->count.pages[i] = pages;
        res->count.total_pages += pages;
        room->free[form == SAME ? i : nodes - 1 - i] =
            form == SPLIT ? 1000000 + 500 * (uint64_t)(nodes - 1) : pages;
        room->allowed |= 1ull << i;
        for (uint32_t j = 0; j < nodes; j++) {
            res->distance[i][j] = i == j ? 10 : 12 + (i ^ j) % 20;
            room->distance[i][j] = i == j ? 10 : 12 + (i + j) % 20;
        }
    }
    room->host_free = res->count.total_pages;
}

static double measure(uint32_t nodes, enum form form, enum exclaim_match_shape want)
{
    static struct exclaim_reservation res;
    static struct exclaim_match match;
    const struct exclaim_match_options opt = { 0 };
    const int rounds = 1 + 2000 / (int)(nodes * nodes);
    struct exclaim_error err = { 0 };
    struct exclaim_room room;
    double best = 1e30;

    fill(&res, &room, nodes, form);
    for (int r = 0; r < REPEATS; r++) {
        double t = now_us();

        for (int i = 0; i < rounds; i++) {
            if (exclaim_match(&res, &room, &opt, &match, &err) || match.shape != want) {
                fprintf(stderr, "bench_match: %u nodes: %s %s\n", nodes,
                        exclaim_match_shape_name(match.shape), err.text);
                exit(1);
            }
        }
        t = (now_us() - t) / rounds;
        best = t < best ? t : best;
    }
    return best;
}

int main(void)
{
    puts("\nnodes  same_us  renumbered_us  split_us");
    for (uint32_t nodes = 2; nodes <= EXCLAIM_NODES_MAX; nodes *= 2) {
        printf("%5u  %7.2f  %13.2f  %8.2f\n", nodes, measure(nodes, SAME, EXCLAIM_MATCH_SAME),
               measure(nodes, RENUMBERED, EXCLAIM_MATCH_RENUMBERED),
               measure(nodes, SPLIT, EXCLAIM_MATCH_SPLIT));
    }
    return 0;
}
