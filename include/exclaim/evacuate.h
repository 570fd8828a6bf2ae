/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan carried out: rounds of snapshot, plan, moves, until the hosts are empty or nothing goes
 * on.
 *
 * The engine prints nothing and knows no command line: what happens it tells to a sink.  Indices of
 * hosts and VMs are those of *evac->pool and hold for one round; what outlives a round is kept by
 * uuid.
 */
#ifndef EXCLAIM_EVACUATE_H
#define EXCLAIM_EVACUATE_H

#include <exclaim/config.h>
#include <exclaim/plan.h>
#include <exclaim/xapi.h>

#define EVAC_NO_MOVE UINT32_MAX

enum evac_outcome {
    EVAC_ON_ITS_WAY,
    EVAC_DONE,
    EVAC_FAILED,    /* it runs, but not where it should */
    EVAC_CANCELLED, /* the same, and somebody wanted it so, or its time was over */
    EVAC_LOST,      /* it does not run any more */
    EVAC_UNKNOWN,
};

/* What became of one VM, by uuid. */
struct evac_result {
    char *uuid, *name, *from, *to; /* hosts by name */
    enum evac_outcome outcome;
    unsigned int failures;
    int64_t ms;
    bool counted; /* on the destination: the next two are known */
    bool exact;
    bool planned_nodes; /* exact, and on the very nodes of the plan */
    uint64_t pages, deviation;
    enum exclaim_guarantee guarantee;
    char why[512]; /* FAILED, CANCELLED, UNKNOWN; DONE and not counted */
};

/* A VM that XAPI has turned away from a host, by uuid: not tried again in this run. */
struct evac_ban {
    char *vm, *host;
    char why[256];
};

/* A move that XAPI carries out; its task is evac->task[] of the same index. */
struct evac_flight {
    uint32_t vm, from, to;
    uint32_t move; /* of the plan; EVAC_NO_MOVE: begun by an earlier run */
    int64_t begun_ms;
    uint32_t permille;       /* last one told */
    uint32_t first_permille; /* when we began to watch */
    uint64_t pages;          /* to go from there on */
    bool planned;            /* takes[] are the plan's */
    bool cancelled;          /* for taking too long */
    bool want_known;
    uint32_t nr_want; /* pages per node as planned, largest first */
    uint64_t want[EXCLAIM_NODES_MAX];
    uint64_t takes[EXCLAIM_NODES_MAX]; /* per node: as planned, or as the destination will match */
    struct evac_result *result;
};

/* Of a saved plan: a VM and its host, by uuid.  All of one stage may be on their way at once. */
struct evac_goal {
    char *vm, *to;
    uint32_t stage;
};

struct evac_options {
    struct exclaim_plan_options plan; /* whole_parts follows policy */
    enum exclaim_policy policy;
    uint32_t max_moves;    /* per host and direction; 0: EXCLAIM_PLAN_CONCURRENT */
    uint32_t seconds;      /* after so many no further move begins; 0: no limit */
    uint32_t move_seconds; /* a move that takes longer is cancelled; 0: no limit */
    uint64_t expected_ms;  /* that the first plan will take; 0: not known */
    bool partial;          /* begin though some VMs cannot leave as they should */
    bool keep_enabled;     /* hosts are not disabled first */
    bool disable;          /* they are, whatever a resumed run did */
    const char **out[2];   /* VMs that are left out, by name; the caller's */
    uint32_t nr_out[2];
    const char **only; /* if any, of the hosts' VMs all others are left out, too */
    uint32_t nr_only;
    const char **to; /* hosts by name; owned by the caller, or by evac->kept_to */
    uint32_t nr_to;
};

struct evac;
struct stop;

enum evac_event_kind {
    EVAC_EVENT_BEGIN,
    EVAC_EVENT_DISABLE,  /* to: XAPI is about to be asked to start no VM there */
    EVAC_EVENT_PLAN,     /* plan: of the round that begins */
    EVAC_EVENT_START,    /* move, own: XAPI is about to be asked for it */
    EVAC_EVENT_STARTED,  /* move, own: XAPI has begun it */
    EVAC_EVENT_PROGRESS, /* vm, number: permille */
    EVAC_EVENT_LANDED,   /* vm, to, result */
    EVAC_EVENT_GIVEN_UP, /* vm, to, text: a move that was not begun */
    EVAC_EVENT_STOP,     /* number: moves on their way */
    EVAC_EVENT_NOTE,     /* text: for people alone */
    EVAC_EVENT_STATUS,   /* a good moment to show how far it is */
};

/* What happened; members that its kind does not name are 0.  Valid during the call. */
struct evac_event {
    enum evac_event_kind kind;
    const struct exclaim_plan *plan;
    const struct exclaim_plan_move *move;
    const struct exclaim_match
        *own; /* the destination's, where it takes other nodes than planned */
    uint32_t vm, to;
    const struct evac_result *result;
    uint32_t number;
    const char *text;
};

/* Whoever listens.  -1: it could not be recorded, and no further move begins. */
struct evac_sink {
    int (*tell)(void *arg, const struct evac *e, const struct evac_event *event);
    void *arg;
};

/* Whether VMs may be started on a host that is emptied, and by whose doing not. */
enum evac_door {
    EVAC_DOOR_UNKNOWN, /* not asked: the host is not live, or gone */
    EVAC_DOOR_KEPT,    /* left enabled, as asked */
    EVAC_DOOR_WAS,     /* disabled by somebody before */
    EVAC_DOOR_EARLIER, /* by the run that is resumed */
    EVAC_DOOR_DISABLED,
};

/* Of the moves that end where they should. */
struct evac_way {
    int64_t begun_ms; /* the first of them; 0: none yet */
    uint64_t landed_pages;
    uint64_t all_pages;      /* and those that are still to go */
    uint64_t given_up_pages; /* of these, those of VMs that the run leaves where they are */
};

struct evac {
    struct evac_options opt;
    struct evac_sink sink;
    struct exclaim_xapi *xapi; /* the caller's, as is *pool, which is read anew each round */
    struct exclaim_pool *pool;
    struct stop *stop; /* the caller's, stop_open(); for the whole of an --apply */
    bool events_lost;
    int64_t begun_ms;

    char **host; /* uuids of those to be emptied */
    uint32_t nr_hosts;
    enum evac_door *door; /* of each of them; NULL before */
    bool looked;          /* *pool was read after that */
    char **disabled;      /* hosts that a resumed run has disabled, by uuid */
    uint32_t nr_disabled;
    bool planned_ahead; /* a saved plan is carried out: no VM goes elsewhere than it says */
    struct evac_goal *goal;
    uint32_t nr_goals;
    uint32_t stage; /* whose turn it is */
    char **kept_to; /* names of a resumed run's --to */
    uint32_t nr_kept_to;
    char **kept_out; /* VMs that a resumed run leaves out, by uuid */
    uint32_t nr_kept_out;

    struct evac_result **result; /* one per VM that was begun */
    uint32_t nr_results;
    struct evac_ban *ban;
    uint32_t nr_bans;
    char halted[512]; /* why no further move begins, whatever is asked; "" if nothing forbids it */
    char last_failure[64]; /* XAPI's code, if the move that ended last failed */
    uint32_t lost;         /* VMs that do not run any more */
    uint32_t planned;      /* VMs on the hosts at first */
    uint32_t left;         /* and now */
    uint32_t stays;        /* that the last plan says cannot leave */
    char given_up[512];    /* the last move that was not begun, and why */

    struct evac_way way;
    uint32_t nr_flights;
    struct evac_flight flight[EXCLAIM_XAPI_TASKS];
    struct exclaim_xapi_task task[EXCLAIM_XAPI_TASKS];
    unsigned int stop_told; /* how many requests to stop were acted on */
    bool note_told;         /* it was said that a destination takes no notes */
    bool left_alone;        /* flights were left to XAPI */
};

/* Remembers the hosts to be emptied. */
int evac_set_hosts(struct evac *e, const uint32_t *host, uint32_t nr, struct exclaim_error *err);

/* A plan for @host within opt->to, checked by exclaim_plan_check(); for the hosts of @e. */
int evac_plan(const struct exclaim_pool *pool, const struct evac_options *opt, const uint32_t *host,
              uint32_t nr_hosts, struct exclaim_plan **plan, struct exclaim_error *err);
int evac_plan_now(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err);

/* Whether the plan may be carried out as it is. */
bool evac_may_begin(const struct evac *e, const struct exclaim_plan *plan);

enum evac_end {
    EVAC_END_DONE,       /* nothing is left */
    EVAC_END_STAYS,      /* what is left cannot leave, by the last plan */
    EVAC_END_INCOMPLETE, /* some are left */
    EVAC_END_STOPPED,    /* somebody asked, or events could not be recorded */
    EVAC_END_HALTED,     /* evac->halted says why */
    EVAC_END_LOST,       /* VMs do not run any more */
    EVAC_END_FAILED,     /* err says why */
};

/* Plans and moves from *plan on, which it replaces by the last one, until nothing goes on. */
enum evac_end evac_run(struct evac *e, struct exclaim_plan **plan, struct exclaim_error *err);

/* Which VM is left, the first one, and what stood in its way: returned, perhaps in @text. */
const char *evac_first_reason(const struct evac *e, char *text, size_t size);

/* The names of those that do not run any more, into @text, which is returned. */
const char *evac_lost_names(const struct evac *e, char *text, size_t size);

struct evac_headway {
    uint64_t moved_pages, left_pages;
    double bytes_per_second; /* of the whole run, once a move is over; else 0 */
    bool time_known;
    uint64_t seconds_left; /* if that is known */
};

/* How far the run is by @now_ms of the monotonic clock: what its tasks say that has gone counts. */
void evac_headway(const struct evac *e, int64_t now_ms, struct evac_headway *h);

/* Of all that were compared. */
bool evac_all_exact(const struct evac *e);

/* Reads the whole pool anew; what XAPI has refused in this run is out of it. */
int evac_look(struct evac *e, struct exclaim_error *err);

/* What is left out by the options or by an earlier run is out of *e->pool's planning. */
int evac_leave_out(struct evac *e, struct exclaim_error *err);

/* Tells the sink; what it cannot record is remembered, and no further move begins. */
void evac_tell(struct evac *e, const struct evac_event *event);

/* Everything but the caller's. */
void evac_drop(struct evac *e);

/* What is to be known of host[i] in the end, in one line; false if nothing is. */
bool evac_host_text(const struct evac *e, uint32_t i, char *text, size_t size);

const char *evac_door_name(enum evac_door door);

/* Reads hosts (evac->host) out of a file of events, and of its options what @e->opt leaves open
 * (max_moves 0, nr_to 0, policy not strict). */
int evac_read_events(struct evac *e, const char *path, struct exclaim_error *err);

/*
 * Reads step @step (from 1; 0: the only one) of a plan that `exclaim plan --save` wrote.  What is
 * left of it becomes the goals of @e, none if all was done; the hosts that it empties become its
 * hosts.  NOFIT: the pool has outgrown it, says what has changed.  USAGE: no such step.  STREAM: no
 * such plan.
 */
int evac_read_plan(struct evac *e, const char *path, uint32_t step, struct exclaim_error *err);

/* Takes up what that file says was begun and XAPI still carries out, and waits for it. */
int evac_take_up(struct evac *e, const char *path, struct exclaim_error *err);

#endif
