/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evacuate --apply: rounds of snapshot, plan, moves, until the hosts are empty or nothing goes on.
 *
 * Indices of hosts and VMs are those of from->pool and hold for one round; what outlives a round is
 * kept by uuid.
 */
#ifndef EXCLAIM_CLI_EVACUATE_H
#define EXCLAIM_CLI_EVACUATE_H

#include <stdio.h>

#include "../base/json.h"
#include "../cli/pool.h"
#include "../base/stop.h"

#define NO_MOVE UINT32_MAX

/* A VM that failed so often is left where it is. */
#define TRIES 2

enum evac_outcome { EVAC_ON_ITS_WAY, EVAC_DONE, EVAC_FAILED, EVAC_UNKNOWN };

/* What became of one VM, by uuid. */
struct evac_result {
    char *uuid, *name, *from, *to; /* hosts by name */
    enum evac_outcome outcome;
    unsigned int failures;
    int64_t ms;
    bool counted; /* on the destination: the next two are known */
    bool exact;
    uint64_t pages, deviation;
    enum exclaim_guarantee guarantee;
    char why[512]; /* FAILED, UNKNOWN; DONE and not counted */
};

/* A move that XAPI carries out; its task is evac->task[] of the same index. */
struct evac_flight {
    uint32_t vm, from, to;
    uint32_t move; /* of the plan; NO_MOVE: begun by an earlier run */
    int64_t begun_ms;
    uint32_t permille; /* last one told */
    bool want_known;
    uint32_t nr_want; /* pages per node as planned, largest first */
    uint64_t want[EXCLAIM_NODES_MAX];
    uint64_t takes[EXCLAIM_NODES_MAX]; /* per node: as planned, or as the destination will match */
    struct evac_result *result;
};

struct evac {
    struct cli *cli;
    struct cli_pool *from;
    struct stop stop;
    FILE *events; /* NULL: none */
    bool events_lost;
    bool status_shown;
    int64_t begun_ms;

    char **host; /* uuids of those to be emptied */
    uint32_t nr_hosts;
    char **to; /* names of a resumed run's --to */
    uint32_t nr_to;
    uint32_t max_moves;

    struct evac_result **result; /* one per VM that was begun */
    uint32_t nr_results;
    uint32_t planned;   /* VMs on the hosts at first */
    uint32_t stays;     /* that the last plan says cannot leave */
    char given_up[512]; /* the last move that was not begun, and why */

    uint32_t nr_flights;
    struct evac_flight flight[EXCLAIM_XAPI_TASKS];
    struct exclaim_xapi_task task[EXCLAIM_XAPI_TASKS];
    unsigned int stop_told; /* how many requests to stop were acted on */
    bool left_alone;        /* flights were left to XAPI */
};

/* --- evacuate.c, plan.c --- */

/* A plan for these hosts within --to. */
int cli_plan_evacuate(struct cli *cli, const struct cli_pool *from, const uint32_t *host,
                      uint32_t nr_hosts, struct exclaim_plan **plan, struct exclaim_error *err);

/* --- evacuate_round.c --- */

/*
 * Carries a plan out as far as it goes; returns with no flight left unless left_alone.  *moved is
 * how many VMs went, *again whether a fresh plan may get further.  An error ends the evacuation.
 */
int evac_round(struct evac *e, const struct exclaim_plan *plan, uint32_t *moved, bool *again,
               struct exclaim_error *err);

/* --- evacuate_flight.c --- */

struct evac_result *evac_result(struct evac *e, uint32_t vm, uint32_t to,
                                struct exclaim_error *err);

/* Where the plan puts it, in pages per node; false if that is not known of all. */
bool evac_nodes(const struct exclaim_plan_move *move, uint64_t pages[EXCLAIM_NODES_MAX]);

/* While moves are on their way, or one @begins, no call is torn before the third request to stop;
 * else before the next one. */
void evac_be_patient(struct evac *e, bool begins);

/* Puts a move that XAPI has begun among the flights.  A @task that is GONE lands at once, wherever
 * the VM is. */
int evac_take_off(struct evac *e, const struct exclaim_plan *plan, uint32_t move, uint32_t vm,
                  uint32_t to, const struct exclaim_xapi_task *task, struct exclaim_error *err);

/*
 * Waits for a change (a second at most), acts on requests to stop, and lands what has ended: *ended
 * says how many.  SYSTEM when XAPI is lost for good.
 */
int evac_wait(struct evac *e, uint32_t *ended, struct exclaim_error *err);

/* Whether moves may begin. */
bool evac_goes_on(struct evac *e);

/* --- evacuate_say.c --- */

int evac_open_events(struct evac *e, const char *path, struct exclaim_error *err);

/* A new event with its time; the caller adds members and hands it to evac_event(), which writes it
 * as one line and frees it.  Once a line could not be written no move begins any more. */
json_object *evac_new_event(const char *event);
void evac_event(struct evac *e, json_object *o);

/* For people: a line with the time since the start; and what stands below on a terminal. */
void evac_line(struct evac *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void evac_status(struct evac *e);
void evac_clear_status(struct evac *e);

/* At the end: the table or the JSON; *left is how many VMs are still on the hosts. */
void evac_summary(struct evac *e, const char *outcome, uint32_t left);

/* --- evacuate_resume.c --- */

void evac_free_names(char ***names, uint32_t *nr);

/* Reads hosts (evac->host), --to and limits out of a file of events. */
int evac_read_events(struct evac *e, const char *path, struct exclaim_error *err);

/* Takes up what that file says was begun and XAPI still carries out, and waits for it. */
int evac_take_up(struct evac *e, const char *path, struct exclaim_error *err);

#endif
