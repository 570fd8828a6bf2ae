/* SPDX-License-Identifier: BSD-2-Clause */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "model/state.h"
#include "wire.h"

struct image {
    uint32_t generation, nr_domains, nr_gone, zero;
    struct model model; /* its pointers are worth nothing */
};

static int lock_of(const char *path)
{
    char name[300];
    int fd;

    snprintf(name, sizeof(name), "%s.lock", path);
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && flock(fd, LOCK_EX)) {
        if (errno != EINTR) {
            close(fd);
            return -1;
        }
    }
    return fd;
}

static int put_domains(int fd, const struct model_domain *d)
{
    for (; d; d = d->next) {
        if (wire_write(fd, d, sizeof(*d))) {
            return -1;
        }
    }
    return 0;
}

static uint32_t length(const struct model_domain *d)
{
    uint32_t n = 0;

    for (; d; d = d->next) {
        n++;
    }
    return n;
}

static int put(const char *path, const struct model *m)
{
    struct image image = { .nr_domains = length(m->domains), .nr_gone = length(m->gone) };
    char name[300];
    int fd, rc;

    while (model_rules_of((enum model_generation)image.generation) != m->rules) {
        image.generation++;
    }
    image.model = *m;
    snprintf(name, sizeof(name), "%s.new", path);
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = fd < 0 || wire_write(fd, &image, sizeof(image)) || put_domains(fd, m->domains) ||
         put_domains(fd, m->gone);
    close(fd);
    return rc ? -1 : rename(name, path);
}

static int get_domains(int fd, uint32_t nr, struct model_domain **at)
{
    *at = NULL;
    while (nr--) {
        struct model_domain *d = malloc(sizeof(*d));

        if (!d || wire_read(fd, d, sizeof(*d)) != 1) {
            free(d);
            return -1;
        }
        d->next = NULL;
        *at = d;
        at = &d->next;
    }
    return 0;
}

static struct model *get(const char *path)
{
    struct model *m = calloc(1, sizeof(*m));
    struct image image;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (!m || fd < 0 || wire_read(fd, &image, sizeof(image)) != 1) {
        free(m);
        m = NULL;
        goto out;
    }
    *m = image.model;
    m->hv.ops = &model_ops;
    m->rules = model_rules_of((enum model_generation)image.generation);
    m->hook = NULL;
    m->gone = NULL;
    if (get_domains(fd, image.nr_domains, &m->domains) ||
        get_domains(fd, image.nr_gone, &m->gone)) {
        model_op_close(&m->hv);
        m = NULL;
    }

out:
    if (fd >= 0) {
        close(fd);
    }
    return m;
}

int host_create(const char *path, const struct model_config *config)
{
    struct model *m;
    int rc = model_open(config, &m);

    if (!rc) {
        rc = put(path, m);
        model_op_close(&m->hv);
    }
    return rc;
}

struct model *host_lock(const char *path, int *lock)
{
    struct model *m;

    *lock = lock_of(path);
    if (*lock < 0) {
        return NULL;
    }
    m = get(path);
    if (!m) {
        close(*lock);
    }
    return m;
}

void host_unlock(const char *path, struct model *m, int lock)
{
    if (put(path, m)) {
        fake_note("failures", "host %s: %s", path, strerror(errno));
    }
    model_op_close(&m->hv);
    close(lock);
}

struct host_hv {
    struct exclaim_hv hv; /* first: see hypervisor.h */
    char path[256];
};

static const char *path_of(struct exclaim_hv *hv)
{
    return ((struct host_hv *)(void *)hv)->path;
}

/* One operation of the table, on the model behind it. */
#define VIA(hv, err, op, ...)                                                                      \
    do {                                                                                           \
        const char *path = path_of(hv);                                                            \
        int lock, rc;                                                                              \
        struct model *m = host_lock(path, &lock);                                                  \
                                                                                                   \
        if (!m) {                                                                                  \
            return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "model %s", path);                 \
        }                                                                                          \
        rc = model_ops.op(&m->hv, __VA_ARGS__);                                                    \
        host_unlock(path, m, lock);                                                                \
        return rc;                                                                                 \
    } while (0)

static int via_caps(struct exclaim_hv *hv, struct exclaim_caps *caps, struct exclaim_error *err)
{
    VIA(hv, err, caps, caps, err);
}

static int via_next_domain(struct exclaim_hv *hv, uint32_t domid, struct exclaim_domain *dom,
                           struct exclaim_error *err)
{
    VIA(hv, err, next_domain, domid, dom, err);
}

static int via_domain_name(struct exclaim_hv *hv, uint32_t domid, char *name, uint32_t size,
                           struct exclaim_error *err)
{
    VIA(hv, err, domain_name, domid, name, size, err);
}

static int via_vm_uuid(struct exclaim_hv *hv, uint32_t domid, uint8_t uuid[EXCLAIM_UUID_BYTES],
                       struct exclaim_error *err)
{
    VIA(hv, err, vm_uuid, domid, uuid, err);
}

static int via_count(struct exclaim_hv *hv, uint32_t domid, uint64_t max_console_pages,
                     struct exclaim_count *count, struct exclaim_error *err)
{
    if (fake_spec("slow-count")) {
        poll(NULL, 0, 60000); /* a console of very many pages; nobody waits that long here */
    }
    VIA(hv, err, count, domid, max_console_pages, count, err);
}

static int via_host(struct exclaim_hv *hv, struct exclaim_host *host, struct exclaim_error *err)
{
    VIA(hv, err, host, host, err);
}

static int via_claim(struct exclaim_hv *hv, uint32_t domid, const struct exclaim_claim *claim,
                     struct exclaim_error *err)
{
    VIA(hv, err, claim, domid, claim, err);
}

static int via_get_affinity(struct exclaim_hv *hv, uint32_t domid, struct exclaim_affinity *aff,
                            struct exclaim_error *err)
{
    VIA(hv, err, get_affinity, domid, aff, err);
}

static int via_set_node_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                                 struct exclaim_error *err)
{
    VIA(hv, err, set_node_affinity, domid, nodes, err);
}

static int via_set_soft_affinity(struct exclaim_hv *hv, uint32_t domid, uint64_t nodes,
                                 struct exclaim_error *err)
{
    VIA(hv, err, set_soft_affinity, domid, nodes, err);
}

static int via_paging_pool(struct exclaim_hv *hv, uint32_t domid, uint64_t *bytes,
                           struct exclaim_error *err)
{
    VIA(hv, err, paging_pool, domid, bytes, err);
}

static void via_close(struct exclaim_hv *hv)
{
    free(hv);
}

static const struct exclaim_hv_ops via = {
    .caps = via_caps,
    .next_domain = via_next_domain,
    .domain_name = via_domain_name,
    .vm_uuid = via_vm_uuid,
    .count = via_count,
    .host = via_host,
    .claim = via_claim,
    .get_affinity = via_get_affinity,
    .set_node_affinity = via_set_node_affinity,
    .set_soft_affinity = via_set_soft_affinity,
    .paging_pool = via_paging_pool,
    .close = via_close,
};

int host_open(const char *path, struct exclaim_hv **out)
{
    struct host_hv *h = calloc(1, sizeof(*h));

    if (!h) {
        return -1;
    }
    h->hv.ops = &via;
    snprintf(h->path, sizeof(h->path), "%s", path);
    *out = &h->hv;
    return 0;
}
