/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pure decisions: which destination nodes take which part of a VM, and what to claim for it.
 * No I/O, no clock, no state; the same input always gives the same answer.
 */
#ifndef EXCLAIM_MATCH_H
#define EXCLAIM_MATCH_H

#include <exclaim/reservation.h>

/* What was reserved, by whom it is enforced; weakest first. */
enum exclaim_guarantee {
    EXCLAIM_GUARANTEE_NONE = 0, /* nobody */
    EXCLAIM_GUARANTEE_HOST,     /* Xen for the total, the ledger per node among ourselves */
    EXCLAIM_GUARANTEE_NODE,     /* Xen, one node */
    EXCLAIM_GUARANTEE_NODE_SET, /* Xen, every node */
};

const char *exclaim_guarantee_name(enum exclaim_guarantee guarantee);

/* A destination's memory as a match sees it. */
struct exclaim_room {
    uint32_t nr_nodes;
    uint64_t free[EXCLAIM_NODES_MAX];    /* free on the node */
    uint64_t claimed[EXCLAIM_NODES_MAX]; /* of that promised to others: Xen's claims, our ledger */
    uint64_t unkept[EXCLAIM_NODES_MAX];  /* of that: our ledger's alone, no claim on the node */
    uint32_t distance[EXCLAIM_NODES_MAX][EXCLAIM_NODES_MAX]; /* 0 = unknown */
    uint64_t allowed;                                        /* bit n: node n may be used */
    uint64_t host_free;                                      /* free on the whole host */
    uint64_t host_claimed;                                   /* all claims of others on the host */
    uint64_t hidden; /* of these: may lie on any one node, as Xen does not tell its claims' nodes */
    uint64_t wary;   /* bit n: claimed[n] contains all hidden ones */
    uint64_t slack;  /* pages of each node that are promised to nobody */
    uint64_t headroom; /* pages of the host that must stay unclaimed */
};

/*
 * Xen takes pages of its own for a domain under construction (its extra pages, page tables of a
 * grown pool) from the domain's nodes.  A node promised to the last page would be short of them:
 * seen once as one page of 17292 that came to lie elsewhere.
 */
#define EXCLAIM_NODE_SLACK 64u

/* Fills what Xen tells; claims of others only where Xen knows them per node. */
void exclaim_room_from_host(const struct exclaim_host *host, uint64_t headroom,
                            struct exclaim_room *room);

/*
 * Nodes of @nodes that are far from all others: at least twice as far from the nearest one as the
 * nearest two of all nodes are from each other.  That is memory without CPUs (CXL, persistent
 * memory), which firmware tells apart by distance alone.  0 if distances are not known.
 */
uint64_t exclaim_far_nodes(uint32_t nr_nodes, uint64_t nodes,
                           const uint32_t distance[][EXCLAIM_NODES_MAX]);

/* Whether this Xen may hold claims on nodes that it does not tell. */
bool exclaim_claims_are_hidden(const struct exclaim_caps *caps);

/* Xen was asked: no more than @claimable pages of the node can be claimed. */
void exclaim_room_limit(struct exclaim_room *room, uint32_t node, uint64_t claimable);

/*
 * Xen holds claims on nodes that it does not tell: @hidden pages of others.  A claim of ours would
 * find that out, but not whether the rest is enough for a migration of ours that has none there, so
 * on the nodes of such ones all of them are taken to lie.
 */
void exclaim_room_hide(struct exclaim_room *room, uint64_t hidden);

/* Pages of the node that can be claimed whatever lies hidden. */
uint64_t exclaim_room_least(const struct exclaim_room *room, uint32_t node);

/* As if all hidden claims lay on every node: what fits now fits wherever they lie. */
void exclaim_room_cautious(struct exclaim_room *room);

/* Says in one line how many pages may be claimed unseen on any node; "" if none. */
void exclaim_room_hidden_text(const struct exclaim_room *room, char *text, size_t size);

/* Free and not promised to anybody. */
uint64_t exclaim_room_node(const struct exclaim_room *room, uint32_t node);
uint64_t exclaim_room_host(const struct exclaim_room *room);

enum exclaim_match_shape {
    EXCLAIM_MATCH_SAME,       /* every part on the node of the same number */
    EXCLAIM_MATCH_RENUMBERED, /* every part whole on a node of its own */
    EXCLAIM_MATCH_MERGED,     /* every part whole, but some share a node */
    EXCLAIM_MATCH_SPLIT,      /* some part lies on several nodes */
};

const char *exclaim_match_shape_name(enum exclaim_match_shape shape);

struct exclaim_part {
    uint32_t src_node;
    uint32_t dst_node;
    uint64_t pages;
};

/* A split takes at most one part more per destination node. */
#define EXCLAIM_PARTS_MAX (2 * EXCLAIM_NODES_MAX)

struct exclaim_match {
    enum exclaim_match_shape shape;
    uint32_t nr_parts;
    struct exclaim_part part[EXCLAIM_PARTS_MAX];
    uint32_t nr_nodes;                 /* of the destination */
    uint64_t pages[EXCLAIM_NODES_MAX]; /* to be placed per destination node */
    uint64_t total_pages;
    uint64_t stray_pages; /* pages of source nodes that were folded into another part */
};

struct exclaim_match_options {
    uint64_t stray_pages; /* a source node with at most this many pages is no home of the VM */
    bool whole_parts;     /* policy strict: SAME or RENUMBERED, else NOFIT */
};

/*
 * Matches @res to @room.  Its count must be exact, or off by no more pages than may be strays.
 *
 * Order: same number where all parts fit so; else every part whole on a node of its own, keeping
 * the largest parts' numbers as far as all still fit, then distances, then the tightest fit; else
 * parts share nodes; else parts are split over the nearest nodes.
 *
 * Far nodes (exclaim_far_nodes()) are the last choice, for VMs that lie on none: all of this is
 * tried without them first.
 *
 * NOFIT is a proof: with whole_parts no assignment of parts to different nodes exists, without it
 * all nodes together, or the host, are too small.  It says for the first part that does not fit:
 * need, free, claimed by others, short by.
 */
int exclaim_match(const struct exclaim_reservation *res, const struct exclaim_room *room,
                  const struct exclaim_match_options *opt, struct exclaim_match *match,
                  struct exclaim_error *err);

/*
 * Pages that a VM takes on arrival beyond its own, which no claim can pay for: its paging pool and
 * Xen's structures per domain and vCPU.  30 and 38 pages are what was measured on Intel and AMD
 * hosts beyond a pool of 256 pages per vCPU (xen-api pull request 6869).  @pool_bytes 0 stands for
 * that pool.
 */
uint64_t exclaim_arrival_pages(uint32_t vcpus, uint64_t pool_bytes);

/*
 * The match of a VM that has not arrived yet: @loose pages, what its arrival takes on nodes that
 * nobody knows, are left over on the host and on each node.  @room is as before afterwards.
 */
int exclaim_match_arrival(const struct exclaim_reservation *res, struct exclaim_room *room,
                          uint64_t loose, const struct exclaim_match_options *opt,
                          struct exclaim_match *match, struct exclaim_error *err);

/* The claims that would keep @match, strongest first; at most three. */
struct exclaim_claim_plan {
    uint32_t nr;
    struct {
        struct exclaim_claim claim;
        enum exclaim_guarantee guarantee;
    } step[3];
};

void exclaim_claim_plan(const struct exclaim_match *match, const struct exclaim_caps *caps,
                        struct exclaim_claim_plan *plan);

/* Where the claim lies that a domain under construction has. */
enum exclaim_claim_origin {
    EXCLAIM_ORIGIN_NOTHING, /* nothing is claimed */
    EXCLAIM_ORIGIN_HOST,    /* on the host, for certain */
    EXCLAIM_ORIGIN_NODE,    /* on past->node, as the toolstack says and Xen does not deny */
    EXCLAIM_ORIGIN_UNKNOWN, /* either */
};

/* What is known of a domain's claims beside their number of pages. */
struct exclaim_claim_past {
    bool node_said; /* the toolstack says that it has claimed on `node` */
    uint32_t node;
    bool was_on_node; /* one is gone that was, or may have been, on a node */
};

/*
 * XenServer 9's public code keeps the node of a claim on one node after the claim is gone.  A later
 * claim on the host takes pages off that node's counter that were never added, and Xen stops at a
 * BUG_ON (branch 4.20-scm-claim-pages, domain_update_total_pages()).  The state cannot be read from
 * Xen.  These two are the one rule about it; whoever stakes asks both:
 *
 * _origin() says where @outstanding claimed pages lie.  @host may be NULL; where Xen tells what is
 * claimed on each node, a node that holds less than the claim cannot be the one.
 * _host_is_safe() says whether a claim on the host may be staked after @past.  A claim of unknown
 * origin that is released belongs into `was_on_node`, and so does every attempt to claim on a node
 * that Xen did not plainly refuse.
 */
enum exclaim_claim_origin exclaim_claim_origin(const struct exclaim_caps *caps,
                                               const struct exclaim_host *host,
                                               const struct exclaim_claim_past *past,
                                               uint64_t outstanding);
bool exclaim_claim_host_is_safe(const struct exclaim_caps *caps,
                                const struct exclaim_claim_past *past);

#endif
