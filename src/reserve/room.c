/* SPDX-License-Identifier: BSD-2-Clause */
/* A destination's memory: what is free, what is promised, what may be. */
#include <exclaim/match.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"

const char *exclaim_guarantee_name(enum exclaim_guarantee guarantee)
{
    switch (guarantee) {
    case EXCLAIM_GUARANTEE_NODE_SET:
        return "node-set";
    case EXCLAIM_GUARANTEE_NODE:
        return "node";
    case EXCLAIM_GUARANTEE_HOST:
        return "host";
    case EXCLAIM_GUARANTEE_NONE:
        break;
    }
    return "none";
}

const char *exclaim_match_shape_name(enum exclaim_match_shape shape)
{
    switch (shape) {
    case EXCLAIM_MATCH_SAME:
        return "same";
    case EXCLAIM_MATCH_RENUMBERED:
        return "renumbered";
    case EXCLAIM_MATCH_MERGED:
        return "merged";
    case EXCLAIM_MATCH_SPLIT:
        break;
    }
    return "split";
}

void exclaim_room_from_host(const struct exclaim_host *host, uint64_t headroom,
                            struct exclaim_room *room)
{
    memset(room, 0, sizeof(*room));
    room->nr_nodes = host->nr_nodes;
    for (uint32_t i = 0; i < host->nr_nodes; i++) {
        const struct exclaim_host_node *node = &host->node[i];

        if (!node->online) {
            continue;
        }
        room->allowed |= 1ull << i;
        room->free[i] = node->free_pages;
        room->claimed[i] = node->claimed_known ? node->claimed_pages : 0;
        memcpy(room->distance[i], node->distance, sizeof(room->distance[i]));
    }
    room->host_free = host->free_pages;
    room->host_claimed = host->outstanding_pages;
    room->headroom = headroom;
    room->slack = EXCLAIM_NODE_SLACK;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t exclaim_room_node(const struct exclaim_room *room, uint32_t node)
{
    if (node >= room->nr_nodes || !(room->allowed & (1ull << node))) {
        return 0;
    }
    return minus(minus(room->free[node], room->claimed[node]), room->slack);
}

uint64_t exclaim_room_host(const struct exclaim_room *room)
{
    return minus(minus(room->host_free, room->host_claimed), room->headroom);
}

bool exclaim_claims_are_hidden(const struct exclaim_caps *caps)
{
    return !caps->node_memory && (caps->claim_set || caps->claim_node || !caps->claim_node_known);
}

void exclaim_room_limit(struct exclaim_room *room, uint32_t node, uint64_t claimable)
{
    const uint64_t claimed = minus(room->free[node], claimable) + room->unkept[node];

    if (claimed > room->claimed[node]) {
        room->claimed[node] = claimed;
    }
}

uint64_t exclaim_room_least(const struct exclaim_room *room, uint32_t node)
{
    const uint64_t hidden = room->wary >> node & 1 ? 0 : room->hidden;

    return minus(room->free[node], room->claimed[node] - room->unkept[node] + hidden);
}

static void be_cautious(struct exclaim_room *room, uint32_t node)
{
    exclaim_room_limit(room, node, exclaim_room_least(room, node));
    room->wary |= 1ull << node;
}

void exclaim_room_cautious(struct exclaim_room *room)
{
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        be_cautious(room, n);
    }
}

void exclaim_room_hide(struct exclaim_room *room, uint64_t hidden)
{
    room->hidden = hidden;
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        if (room->unkept[n]) {
            be_cautious(room, n);
        }
    }
}

void exclaim_room_hidden_text(const struct exclaim_room *room, char *text, size_t size)
{
    text[0] = '\0';
    if (room->hidden) {
        snprintf(text, size,
                 "up to %s (%" PRIu64 " pages) of the host's claims may lie on any node: this xen "
                 "holds claims per node and does not tell them",
                 exclaim_size(room->hidden).text, room->hidden);
    }
}

uint64_t exclaim_far_nodes(uint32_t nr_nodes, uint64_t nodes,
                           const uint32_t distance[][EXCLAIM_NODES_MAX])
{
    uint32_t nearest[EXCLAIM_NODES_MAX] = { 0 }, least = UINT32_MAX;
    uint64_t far = 0;

    for (uint32_t n = 0; n < nr_nodes; n++) {
        for (uint32_t m = 0; m < nr_nodes && nodes >> n & 1; m++) {
            if (m == n || !(nodes >> m & 1)) {
                continue;
            }
            if (!distance[n][m]) {
                return 0;
            }
            if (!nearest[n] || distance[n][m] < nearest[n]) {
                nearest[n] = distance[n][m];
            }
        }
        least = nearest[n] && nearest[n] < least ? nearest[n] : least;
    }
    for (uint32_t n = 0; n < nr_nodes; n++) {
        far |= nearest[n] / 2 >= least ? 1ull << n : 0;
    }
    return far;
}
