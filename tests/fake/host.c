/* SPDX-License-Identifier: BSD-2-Clause */
/* A model hypervisor kept in a file, so that several processes share it under a lock. */
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
    m->rules = model_rules_of((enum model_generation)image.generation);
    m->hook = NULL;
    m->gone = NULL;
    if (get_domains(fd, image.nr_domains, &m->domains) ||
        get_domains(fd, image.nr_gone, &m->gone)) {
        model_free_all(m);
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
    int rc = model_new(config, &m);

    if (!rc) {
        rc = put(path, m);
        model_free_all(m);
    }
    return rc;
}

/* The hypervisor's own memory is not the hook's: none of it is made to fail (failmalloc.c). */
__attribute__((weak)) void failmalloc_pause(int paused);

static void own_memory(int paused)
{
    if (failmalloc_pause) {
        failmalloc_pause(paused);
    }
}

struct model *host_lock(const char *path, int *lock)
{
    struct model *m;

    *lock = lock_of(path);
    if (*lock < 0) {
        return NULL;
    }
    own_memory(1);
    m = get(path);
    if (!m) {
        own_memory(0);
        close(*lock);
    }
    return m;
}

void host_unlock(const char *path, struct model *m, int lock)
{
    if (put(path, m)) {
        fake_note("failures", "host %s: %s", path, strerror(errno));
    }
    model_free_all(m);
    own_memory(0);
    close(lock);
}

/* --- the client in each process: every call of its own is one step --- */

struct host_port {
    struct model_port port; /* first */
    char path[256];
    int lock;
};

static struct model *port_take(struct model_port *port)
{
    struct host_port *h = (struct host_port *)(void *)port;

    return host_lock(h->path, &h->lock);
}

static void port_give(struct model_port *port, struct model *m)
{
    struct host_port *h = (struct host_port *)(void *)port;

    host_unlock(h->path, m, h->lock);
}

static void port_close(struct model_port *port)
{
    free(port);
}

struct model_port *host_port(const char *path)
{
    struct host_port *h = calloc(1, sizeof(*h));

    if (!h) {
        return NULL;
    }
    h->port = (struct model_port){ port_take, port_give, port_close, NULL };
    snprintf(h->path, sizeof(h->path), "%s", path);
    return &h->port;
}

int host_open(const char *path, struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct model_port *port = host_port(path);

    *hv = NULL;
    return port ? model_client(port, hv, err)
                : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "model %s", path);
}
