/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reservation: what the source's hook tells the destination's, as a C structure of fixed size.
 * The protobuf message (proto/exclaim.proto) exists only inside the codec; no pointer into it
 * survives, and every number in this structure has been checked.
 */
#ifndef EXCLAIM_RESERVATION_H
#define EXCLAIM_RESERVATION_H

#include <stddef.h>

#include <exclaim/hypervisor.h>

enum exclaim_soft_affinity {
    EXCLAIM_SOFT_UNKNOWN = 0,
    EXCLAIM_SOFT_AUTOMATIC,
    EXCLAIM_SOFT_USER,
};

enum exclaim_layout_form {
    EXCLAIM_LAYOUT_PLAIN = 0,
    EXCLAIM_LAYOUT_ZLIB,
};

/* More than a record can hold. */
#define EXCLAIM_LAYOUT_PACKED_MAX (64u * 1024)

/* A layout as it travels; exclaim_layout_pack() and exclaim_layout_unpack() make it and open it.
 * Not checked but for the lengths. */
struct exclaim_packed_layout {
    enum exclaim_layout_form form;
    uint32_t len;   /* of bytes[]; 0: no layout */
    uint32_t plain; /* bytes of runs, inflated */
    uint64_t hole_frames[EXCLAIM_NODES_MAX];
    char why[160]; /* why there is none */
    uint8_t bytes[EXCLAIM_LAYOUT_PACKED_MAX];
};

struct exclaim_reservation {
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    char source_host[128];
    char xen_version[64];
    struct exclaim_count count;
    uint64_t max_pages;
    uint64_t paging_pool_bytes;
    uint32_t vcpus;
    uint32_t distance[EXCLAIM_NODES_MAX][EXCLAIM_NODES_MAX]; /* 0 = unknown */
    uint64_t shared_pages;
    uint64_t paged_pages;
    enum exclaim_soft_affinity soft_affinity;
    uint64_t time_unix_ms;
    struct exclaim_packed_layout layout;
};

/* What a source says of @dom: @count with limits, distances, paging pool, host name and time. */
int exclaim_reservation_build(struct exclaim_hv *hv, const struct exclaim_caps *caps,
                              const struct exclaim_domain *dom, const struct exclaim_count *count,
                              struct exclaim_reservation *res, struct exclaim_error *err);

/*
 * Packs into @buf (at most @size bytes), *len bytes used.  STREAM if it would not fit, or if the
 * reservation itself breaks a rule of exclaim_reservation_check().
 */
int exclaim_reservation_pack(const struct exclaim_reservation *res, void *buf, size_t size,
                             size_t *len, struct exclaim_error *err);

/*
 * Unpacks and checks @len bytes from an untrusted peer.  STREAM on anything wrong.  Fields that
 * this version does not know are skipped.  A layout of a wrong shape is left out, and layout.why
 * says so: the rest stands without it.
 */
int exclaim_reservation_unpack(const void *buf, size_t len, struct exclaim_reservation *res,
                               struct exclaim_error *err);

/*
 * The rules for a reservation from anywhere: at most EXCLAIM_NODES_MAX nodes, every number at most
 * EXCLAIM_PAGES_MAX, and for a count that is exact or says how far off it may be: at least one
 * node, nodes that add up to the total, a total of at least one page and at most max_pages.
 */
int exclaim_reservation_check(const struct exclaim_reservation *res, struct exclaim_error *err);

/* Whether it may be used for @dom, the domain under construction: its VM (exclaim_uuid_arrives()),
 * total within the domain's max_pages.  STREAM otherwise, with both values in the text. */
int exclaim_reservation_check_domain(const struct exclaim_reservation *res,
                                     const struct exclaim_domain *dom, struct exclaim_error *err);

/* Pages the domain will own on arrival: its total plus shared and paged ones. */
uint64_t exclaim_reservation_pages(const struct exclaim_reservation *res);

#endif
