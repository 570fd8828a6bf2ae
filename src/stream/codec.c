/* SPDX-License-Identifier: BSD-2-Clause */
/* struct exclaim_reservation <-> the protobuf message; the only file that sees the latter. */
#include <exclaim/reservation.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exclaim.pb-c.h"

_Static_assert((int)EXCLAIM_FROM_MAPPED == (int)EXCLAIM__RESERVATION__COUNT_METHOD__COUNT_MAPPED,
               "count methods are numbered as on the wire");
_Static_assert((int)EXCLAIM_SOFT_USER == (int)EXCLAIM__RESERVATION__SOFT_AFFINITY__SOFT_USER,
               "soft affinities are numbered as on the wire");
_Static_assert((int)EXCLAIM_LAYOUT_ZLIB == (int)EXCLAIM__RESERVATION__LAYOUT_FORM__LAYOUT_ZLIB,
               "forms of a layout are numbered as on the wire");

/* Text from a peer ends up in logs and on terminals: printable ASCII only, cut to fit. */
static void copy_text(char *dst, size_t size, const char *src)
{
    size_t i;

    for (i = 0; src && src[i] && i < size - 1; i++) {
        dst[i] = isprint((unsigned char)src[i]) ? src[i] : '?';
    }
    dst[i] = '\0';
}

/* protobuf-c does not write through these; its structures only lack the const. */
static void pack_layout(const struct exclaim_packed_layout *layout, uint32_t nodes,
                        Exclaim__Reservation *msg)
{
    msg->layout_why = (char *)(uintptr_t)layout->why;
    if (!layout->len) {
        return;
    }
    msg->layout.data = (uint8_t *)(uintptr_t)layout->bytes;
    msg->layout.len = layout->len;
    msg->layout_form = (Exclaim__Reservation__LayoutForm)layout->form;
    msg->layout_bytes = layout->plain;
    for (uint32_t n = 0; n < nodes; n++) {
        if (layout->hole_frames[n]) {
            msg->n_layout_hole_frames = n + 1;
        }
    }
    msg->layout_hole_frames = (uint64_t *)(uintptr_t)layout->hole_frames;
}

int exclaim_reservation_pack(const struct exclaim_reservation *res, void *buf, size_t size,
                             size_t *len, struct exclaim_error *err)
{
    Exclaim__Reservation msg = EXCLAIM__RESERVATION__INIT;
    uint32_t distance[EXCLAIM_NODES_MAX * EXCLAIM_NODES_MAX];
    const uint32_t n = res->count.nr_nodes;
    bool have_distance = false;

    if (exclaim_reservation_check(res, err)) {
        return -1;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            distance[i * n + j] = res->distance[i][j];
            have_distance |= res->distance[i][j] != 0;
        }
    }

    /* protobuf-c does not write through these; its structures only lack the const. */
    msg.schema = 1;
    msg.vm_uuid.data = (uint8_t *)(uintptr_t)res->uuid;
    msg.vm_uuid.len = sizeof(res->uuid);
    msg.source_host = (char *)(uintptr_t)res->source_host;
    msg.xen_version = (char *)(uintptr_t)res->xen_version;
    msg.page_size = EXCLAIM_PAGE_SIZE;
    msg.total_pages = res->count.total_pages;
    msg.max_pages = res->max_pages;
    msg.node_pages = (uint64_t *)(uintptr_t)res->count.pages;
    msg.n_node_pages = n;
    msg.paging_pool_bytes = res->paging_pool_bytes;
    msg.vcpus = res->vcpus;
    msg.node_distances = distance;
    msg.n_node_distances = have_distance ? (size_t)n * n : 0;
    msg.shared_pages = res->shared_pages;
    msg.paged_pages = res->paged_pages;
    msg.count_method = (Exclaim__Reservation__CountMethod)res->count.method;
    msg.count_exact = res->count.exact;
    msg.count_why = (char *)(uintptr_t)res->count.why;
    msg.time_unix_ms = res->time_unix_ms;
    msg.uncertain_pages = res->count.uncertain_pages;
    msg.soft_affinity = (Exclaim__Reservation__SoftAffinity)res->soft_affinity;

    pack_layout(&res->layout, n, &msg);

    *len = exclaim__reservation__get_packed_size(&msg);
    if (*len > size) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "reservation needs %zu bytes, limit %zu",
                            *len, size);
    }
    exclaim__reservation__pack(&msg, buf);
    return 0;
}

/* Shape only: lengths and ids, before anything is copied. */
static int check_message(const Exclaim__Reservation *msg, struct exclaim_error *err)
{
    const size_t n = msg->n_node_pages;

    if (msg->schema < 1) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "reservation: schema 0");
    }
    if (msg->vm_uuid.len != EXCLAIM_UUID_BYTES) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "reservation: uuid of %zu bytes, not %d",
                            msg->vm_uuid.len, EXCLAIM_UUID_BYTES);
    }
    if (msg->page_size != EXCLAIM_PAGE_SIZE) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: pages of %" PRIu32 " bytes, not %u", msg->page_size,
                            EXCLAIM_PAGE_SIZE);
    }
    if (n > EXCLAIM_NODES_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "reservation: %zu nodes, limit %d", n,
                            EXCLAIM_NODES_MAX);
    }
    if (msg->n_node_distances != 0 && msg->n_node_distances != n * n) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: %zu distances for %zu nodes, not %zu",
                            msg->n_node_distances, n, n * n);
    }
    return 0;
}

/* Lengths only; what is in it is checked when it is opened. */
static void copy_layout(const Exclaim__Reservation *msg, struct exclaim_packed_layout *layout)
{
    copy_text(layout->why, sizeof(layout->why), msg->layout_why);
    if (!msg->layout.len) {
        return;
    }
    if (msg->layout.len > sizeof(layout->bytes) || msg->n_layout_hole_frames > EXCLAIM_NODES_MAX ||
        (unsigned int)msg->layout_form > (unsigned int)EXCLAIM_LAYOUT_ZLIB) {
        snprintf(layout->why, sizeof(layout->why),
                 "layout of %zu bytes, form %u, %zu nodes: not known here", msg->layout.len,
                 (unsigned int)msg->layout_form, msg->n_layout_hole_frames);
        return;
    }
    layout->form = (enum exclaim_layout_form)msg->layout_form;
    layout->plain = msg->layout_bytes;
    layout->len = (uint32_t)msg->layout.len;
    memcpy(layout->bytes, msg->layout.data, msg->layout.len);
    for (size_t n = 0; n < msg->n_layout_hole_frames; n++) {
        layout->hole_frames[n] = msg->layout_hole_frames[n];
    }
}

static void copy_message(const Exclaim__Reservation *msg, struct exclaim_reservation *res)
{
    const uint32_t n = (uint32_t)msg->n_node_pages;

    memset(res, 0, sizeof(*res));
    memcpy(res->uuid, msg->vm_uuid.data, sizeof(res->uuid));
    copy_text(res->source_host, sizeof(res->source_host), msg->source_host);
    copy_text(res->xen_version, sizeof(res->xen_version), msg->xen_version);
    res->count.nr_nodes = n;
    for (uint32_t i = 0; i < n; i++) {
        res->count.pages[i] = msg->node_pages[i];
        for (uint32_t j = 0; msg->n_node_distances && j < n; j++) {
            res->distance[i][j] = msg->node_distances[i * n + j];
        }
    }
    res->count.total_pages = msg->total_pages;
    /* proto3 enums are open: a value of a newer writer is "unknown" here. */
    res->count.method = (unsigned int)msg->count_method < (unsigned int)EXCLAIM_COUNT_WAYS
                            ? (enum exclaim_provenance)msg->count_method
                            : EXCLAIM_FROM_NOWHERE;
    res->count.exact = msg->count_exact;
    copy_text(res->count.why, sizeof(res->count.why), msg->count_why);
    res->count.uncertain_pages = msg->uncertain_pages;
    res->max_pages = msg->max_pages;
    res->paging_pool_bytes = msg->paging_pool_bytes;
    res->vcpus = msg->vcpus;
    res->shared_pages = msg->shared_pages;
    res->paged_pages = msg->paged_pages;
    res->soft_affinity = (unsigned int)msg->soft_affinity <= (unsigned int)EXCLAIM_SOFT_USER
                             ? (enum exclaim_soft_affinity)msg->soft_affinity
                             : EXCLAIM_SOFT_UNKNOWN;
    res->time_unix_ms = msg->time_unix_ms;
    copy_layout(msg, &res->layout);
}

int exclaim_reservation_unpack(const void *buf, size_t len, struct exclaim_reservation *res,
                               struct exclaim_error *err)
{
    Exclaim__Reservation *msg = exclaim__reservation__unpack(NULL, len, buf);
    int rc = -1;

    if (!msg) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "reservation: %zu bytes are not a protobuf message of ours", len);
    }
    if (check_message(msg, err)) {
        goto out;
    }
    copy_message(msg, res);
    rc = exclaim_reservation_check(res, err);

out:
    exclaim__reservation__free_unpacked(msg, NULL);
    return rc;
}
