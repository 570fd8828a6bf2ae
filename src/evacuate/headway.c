/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a run is, and about how long the rest takes. */
#include "work.h"

void evac_expect_all(struct evac *e, const struct exclaim_plan *plan)
{
    e->way.all_pages = e->way.landed_pages;
    e->way.given_up_pages = 0;
    if (e->planned_ahead) {
        e->way.all_pages += evac_goals_pages(e, &e->way.given_up_pages);
        return;
    }
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        e->way.all_pages += plan->move[m].pages;
        e->way.given_up_pages += evac_gave_up(e, plan->move[m].vm) ? plan->move[m].pages : 0;
    }
}

/* What has gone since we began to watch, by the task's word. */
static uint64_t flown(const struct evac_flight *f, const struct exclaim_xapi_task *task)
{
    if (task->permille <= f->first_permille || f->first_permille >= 1000) {
        return 0;
    }
    return f->pages * (task->permille - f->first_permille) / (1000 - f->first_permille);
}

void evac_headway(const struct evac *e, int64_t now_ms, struct evac_headway *h)
{
    const uint64_t ms = e->way.begun_ms ? (uint64_t)(now_ms - e->way.begun_ms) : 0;
    double rest_ms = 0;
    uint64_t to_go;

    *h = (struct evac_headway){ .moved_pages = e->way.landed_pages };
    for (uint32_t i = 0; i < e->nr_flights; i++) {
        h->moved_pages += flown(&e->flight[i], &e->task[i]);
    }
    h->left_pages = e->way.all_pages > h->moved_pages ? e->way.all_pages - h->moved_pages : 0;
    to_go = h->left_pages > e->way.given_up_pages ? h->left_pages - e->way.given_up_pages : 0;
    /* Once a move is over this run's own pace is known, waiting included; before, another's. */
    if (e->way.landed_pages && ms) {
        h->bytes_per_second = (double)(h->moved_pages << EXCLAIM_PAGE_SHIFT) * 1000 / (double)ms;
        rest_ms = (double)to_go * (double)ms / (double)h->moved_pages;
    } else if (e->opt.expected_ms > ms) {
        rest_ms = (double)(e->opt.expected_ms - ms);
    }
    h->seconds_left = to_go ? (uint64_t)(rest_ms / 1000 + 0.999) : 0;
    h->time_known = !h->left_pages || (to_go && rest_ms > 0);
}
