/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapped count: the parent hands the guest's frames out to processes that map and read them, and
 * adds up the runs that they find.
 *
 * Frames are cut into chunks.  Worker w of n does chunks w, w + n, w + 2n, ... and writes a message
 * for each to its own pipe; so the parent, who reads the pipes in turn, gets the chunks in
 * ascending order, and nobody holds more than a pipe and a chunk, whatever the guest's size.
 */
#ifndef XEN_MAPPED_H
#define XEN_MAPPED_H

#include "self.h"

/* A multiple of what a window holds: no batch is short. */
#define XEN_CHUNK_FRAMES (8ull * XEN_SELF_PAGES)

/* Frames on one node; XEN_NODE_UNKNOWN if the machine pages are on none that is known. */
struct xen_run {
    uint64_t gfn;
    uint32_t nr;
    uint32_t node;
};

struct xen_mapped_job {
    uint32_t domid;
    uint64_t frames; /* 0 .. frames - 1 are looked at */
    bool skip_holes; /* a chunk with holes wherever a few frames of it are looked at is left out */
    uint32_t workers;
    const struct xen_nodes *nodes;
};

/* In front of a chunk's runs.  The first message of a worker has none and says that it is able to
 * work. */
struct xen_mapped_message {
    uint32_t nr_runs;
    char why[124]; /* the end: why this worker cannot go on */
};

/*
 * The life of worker @worker of @job: messages to @fd.  0 when all its chunks are done, -1 when it
 * said why not or when nobody reads.  @xen as for xen_self_open().
 */
int xen_mapped_work(struct exclaim_xen *xen, const struct xen_mapped_job *job, uint32_t worker,
                    int fd);

/* The number of chunks of a job. */
uint64_t xen_mapped_chunks(const struct xen_mapped_job *job);

#endif
