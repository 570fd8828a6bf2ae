/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One assignment: items (VMs that must leave) onto the nodes of target hosts, as many whole as can
 * be.  Hosts have their pool's index; the nodes of all targets are numbered through.
 *
 * Rules, as in exclaim/plan.h: an item's parts lie on different nodes of one host; its loose pages
 * (arrival and strays) are charged to every node of that host, which matters on those that hold a
 * part; its total is charged to the host.
 */
#ifndef EXCLAIM_PLAN_PACK_H
#define EXCLAIM_PLAN_PACK_H

#include <exclaim/plan.h>

#define PACK_NONE  UINT32_MAX
#define HOST_WORDS (EXCLAIM_POOL_HOSTS / 64)

struct pack_part {
    int64_t pages;       /* without strays */
    uint32_t src;        /* node on the source */
    uint32_t node;       /* where it is: a node of the pack, or PACK_NONE */
    uint32_t next, prev; /* on that node, by part */
    uint32_t item;
};

struct pack_item {
    uint32_t vm;
    uint32_t first, nr; /* its parts, largest first */
    int64_t total;      /* own pages */
    int64_t loose;      /* arrival and stray pages */
    int64_t arrival;
    uint32_t vcpus;
    uint32_t group; /* of `apart`, counted from 1 within this pack; 0: none */
    uint32_t nr_vgpus;
    const struct exclaim_vgpu *vgpu;
    bool pinned;
    bool counted; /* its parts are known; else it has no shape to keep, and flows */
    uint64_t allowed[HOST_WORDS];

    uint32_t host; /* PACK_NONE: nowhere */
    bool fluid;    /* on `host`, but without its shape */
    bool alone;    /* with no other item around, it would be whole somewhere */
    uint32_t penalty;
};

struct pack_node {
    int64_t left; /* all charges taken off; below 0 only where no part lies */
    uint32_t host;
    uint32_t id;    /* Xen's; EXCLAIM_NO_NODE on a host whose nodes are not known */
    uint32_t parts; /* that must not be squeezed: of items, and of earlier steps */
    uint32_t head;  /* first part of an item here */
};

struct pack_host {
    uint32_t first, nr; /* nodes; none if it is no target */
    int64_t left;
    int64_t fluid;  /* pages of fluid items, not yet on nodes */
    int64_t spare;  /* least left on a node that holds a part */
    int64_t loose;  /* of the items here, charged to each node */
    int64_t top;    /* for pack_even(): most that a node has left, above no fluid item */
    uint64_t vcpus; /* of all VMs here */
    uint32_t cores; /* 1 for each host where they are not known of all */
    uint32_t rank;  /* lower is better */
    bool target;
    bool known; /* its nodes */
};

struct pack {
    uint32_t nr_items, nr_parts, nr_hosts, nr_nodes, nr_groups;
    struct pack_item *item;
    struct pack_part *part;
    struct pack_host *host;
    struct pack_node *node;
    uint32_t *members; /* [group - 1][host]: of the group on the host, items included */
    const struct exclaim_pool *gpus; /* NULL: there are no virtual GPUs, or they do not matter */
    const uint32_t *gpus_there;      /* what does not move, as for exclaim_pool_gpus_take() */
    uint32_t *gpus_more;             /* [host][kind]: put there by the plan, items included */
    bool whole_parts;
    bool strict_apart; /* no placement may break a rule */
    bool spread;       /* nodes evenly filled are better than tight ones */
    bool roomy;        /* for now, the roomiest node is the best and not the tightest */
    uint64_t steps, effort;
    uint64_t random;
};

/* The memory for @nr of each; members when groups are known.  -1: none left. */
int pack_open(struct pack *p, uint32_t nr_items, uint32_t nr_parts, uint32_t nr_hosts,
              uint32_t nr_nodes, uint32_t nr_groups);
void pack_close(struct pack *p);

static inline bool pack_allowed(const struct pack_item *item, uint32_t host)
{
    return item->allowed[host / 64] >> (host % 64) & 1;
}

static inline uint32_t *pack_members(const struct pack *p, const struct pack_item *item,
                                     uint32_t host)
{
    return &p->members[(size_t)(item->group - 1) * p->nr_hosts + host];
}

/* Pairs that @item on @host would make with others of its rule. */
static inline uint32_t pack_breaks(const struct pack *p, const struct pack_item *item,
                                   uint32_t host)
{
    return item->group ? *pack_members(p, item, host) : 0;
}

/* Whether the GPUs of @host can take those of @item too, and those of the items in @with (of 64
 * items at most). */
bool pack_gpus_take(const struct pack *p, const struct pack_item *item, uint32_t host,
                    uint64_t with);

/* The same without @nr items that are there. */
bool pack_gpus_without(const struct pack *p, const struct pack_item *item, uint32_t host,
                       const uint32_t *out, uint32_t nr);

/* @item's are there, or no longer: @sign 1 or -1. */
void pack_gpus_put(struct pack *p, const struct pack_item *item, uint32_t host, int sign);

/* What the nodes of @host can still give to fluid items, or to parts without harm to those, if
 * @loose more were charged to each. */
int64_t pack_fluid_room(const struct pack *p, uint32_t host, int64_t loose);

/* Whether @host as a whole can take @item, and its nodes the loose pages; the parts are not looked
 * at. */
static inline bool pack_host_takes(const struct pack *p, const struct pack_item *item,
                                   uint32_t host)
{
    const struct pack_host *h = &p->host[host];

    return h->target && pack_allowed(item, host) && h->left >= item->total + item->arrival &&
           h->spare >= item->loose &&
           (!h->fluid || pack_fluid_room(p, host, item->loose) >= item->total) &&
           !(p->strict_apart && pack_breaks(p, item, host) > 0) &&
           (!item->nr_vgpus || pack_gpus_take(p, item, host, 0));
}

/*
 * The tightest nodes of @host for @item, each part on its own; *slack is what is then left on them.
 * The roomiest with p->roomy, *slack is then negative.  False if there are none.
 */
bool pack_fit(const struct pack *p, const struct pack_item *item, uint32_t host, uint32_t *where,
              int64_t *slack);

void pack_put(struct pack *p, uint32_t item, uint32_t host, const uint32_t *where);
void pack_take(struct pack *p, uint32_t item);

/* Puts it where it fits best: rank, `apart`, tightness.  False if nowhere. */
bool pack_insert(struct pack *p, uint32_t item);

/* Largest first, or in the order given; returns how many are placed. */
uint32_t pack_greedy(struct pack *p, const uint32_t *order);
void pack_order(const struct pack *p, uint32_t *order, bool by_total);
uint32_t pack_placed(const struct pack *p);

/* --- to come back to; false: no memory --- */

struct pack_saved {
    uint32_t *host; /* by item */
    uint32_t *node; /* by part */
};

bool pack_save(const struct pack *p, struct pack_saved *s);
void pack_save_again(const struct pack *p, struct pack_saved *s);
void pack_restore(struct pack *p, const struct pack_saved *s);
void pack_forget(struct pack_saved *s);

/* --- better than greedy, while p->steps < p->effort --- */

/* Until all but @lost items are placed, of these at most @quota fluid.  Never worse than before. */
void pack_eject(struct pack *p, uint32_t lost, uint32_t quota);

/* @item onto a host by throwing out others, those with the least penalties, which are added to
 * @pool: at most PACK_FORCED.  False if that cannot help. */
#define PACK_FORCED 24u
bool pack_force(struct pack *p, uint32_t item, bool may_flow, uint32_t *pool, uint32_t *nr_pool);

/* What nothing can surpass, each goal with the ones before it at theirs. */
struct pack_limit {
    uint32_t leave, keep;
    uint64_t pairs; /* of one `apart` rule on one host, those of residents alone left out */
};

/* The best assignment, by branch and price, in at most @steps; *limit is what is known to be
 * impossible to surpass, and may become less.  True: the best is found and proven; else @p is no
 * worse than it was. */
bool pack_exact(struct pack *p, uint64_t steps, struct pack_limit *limit);
#define PACK_EXACT_ITEMS 64u /* more are not tried */

/* How many of those that have several parts and fit alone must be lost, with nobody else around.
 * Nothing may be placed yet. */
uint32_t pack_bound_several(struct pack *p);

/* Placed items to nodes of their own number, and off broken rules, where that costs nothing. */
void pack_polish(struct pack *p);

/* Moves and swaps, in @order, that change no goal but how evenly nodes are filled, and vCPUs. */
void pack_even(struct pack *p, const uint32_t *order);

/* --- those that cannot be whole --- */

/* Hosts for the unplaced that have room for them, one after the other; fills @order. */
void pack_flow(struct pack *p, uint32_t *order);

/* The same, until all but @stay have one and all but @lost are whole. */
void pack_fluid(struct pack *p, uint32_t stay, uint32_t lost);

/* On @host without its shape; whether it has the room. */
bool pack_takes_fluid(const struct pack *p, const struct pack_item *item, uint32_t host);
void pack_pour(struct pack *p, uint32_t item, uint32_t host);
bool pack_insert_fluid(struct pack *p, uint32_t item);

/* Nodes for a fluid item once all have hosts; fills at most EXCLAIM_PARTS_MAX of @out. */
uint32_t pack_spread(struct pack *p, uint32_t item, struct exclaim_part *out);

/* How many are fluid. */
uint32_t pack_flowing(const struct pack *p);

/* --- before anything is placed --- */

/* Finds who would be whole with nobody else around (item->alone). */
void pack_alone(struct pack *p);

/* How many items cannot be whole, and how many cannot leave, whatever one does, and why; how many
 * pairs of one `apart` rule share a host at least, if @stay items stay.  Of the misfit only the VM
 * is filled in. */
uint32_t pack_bound_keep(const struct pack *p, struct exclaim_plan_reason *why);
uint32_t pack_bound_leave(const struct pack *p, struct exclaim_plan_reason *why);
uint64_t pack_bound_apart(const struct pack *p, uint32_t stay);

/* How many items cannot leave because there are too few GPUs, whatever else there is. */
uint32_t pack_bound_gpus(const struct pack *p, struct exclaim_plan_reason *why);

/* Such pairs now. */
uint64_t pack_pairs(const struct pack *p);

uint64_t pack_random(struct pack *p);

/* What is left of the effort; placing one after the other does not ask, and may take more. */
static inline uint64_t pack_effort_left(const struct pack *p)
{
    return p->effort > p->steps ? p->effort - p->steps : 0;
}

#endif
