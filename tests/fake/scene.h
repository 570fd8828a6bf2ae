/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole migration on one machine: two model hosts, a fake xenopsd on each side, a stream between
 * them, and on each side the fake emu-manager alone or our supervisor before it.
 */
#ifndef FAKE_SCENE_H
#define FAKE_SCENE_H

#include "../unit/channel.h"
#include "host.h"
#include "xenopsd.h"

#define SRC_DOMID 3u
#define DST_DOMID 4u
#define NODE_SIZE 1000u /* pages of each of two nodes of each host */

enum { VIA_FILE = CHANNELS, WAYS };

struct peer {
    bool aware;        /* our supervisor is between */
    const char *spec;  /* of the fake manager and xenguest: FAKE_SPEC */
    const char *conf;  /* further lines of exclaim.conf */
    const char *fault; /* EXCLAIM_FAULT of the supervisor */
    const char *mem_pnode;
    const char *manager; /* another than the fake one */
    const char *const *extra;
    step_fn *at;
    const char *lack[5]; /* further environment of what xenopsd starts */
    rlim_t files, space; /* its limits; 0: as ever */
    /* Results. */
    char dir[96], model[110];
    struct transcript *out;
};

/* What happens to the bytes on their way; offsets count from the start of the stream, 0: none. */
struct road {
    size_t dribble; /* so many bytes one by one */
    size_t flip;    /* this byte is inverted */
    size_t cut;     /* the stream ends here */
    size_t hold;    /* nothing passes from here on, until an end has gone */
};

struct scene {
    unsigned int way; /* enum channel, or VIA_FILE */
    bool live, pv, compress, vgpu, vgpu_first;
    bool temporary_uuid; /* the destination's handle is the one that xenopsd gives meanwhile */
    bool again;          /* after an attempt that failed: same hosts, a new destination domain */
    int64_t patience_ms; /* of xenopsd; 0: its own */
    uint64_t pages[2];   /* of the guest, per node */
    bool one_host;       /* both sides on one host, as in a localhost migration */
    enum model_generation generation;
    struct road road;
    struct peer src, dst;
    /* Between the setting up of the hosts and the start. */
    void (*prepare)(struct scene *s);
    /* Results. */
    char dir[64];
    char *stream; /* VIA_FILE: the whole of it */
    size_t stream_len;
};

/* A live migration of an HVM guest with 200 and 100 pages through a socket, 4.17 on both sides. */
void scene_init(struct scene *s);
void scene_run(struct scene *s);
void scene_end(struct scene *s);

/* Runs the same scene with no supervisor on either side. */
void scene_bare(const struct scene *s, struct scene *bare);

/* The lines that came on one side, joined by " | ", without `info:` lines of ours. */
void scene_lines(const struct peer *p, char *text, size_t size);
/* Those of ours. */
void scene_infos(const struct peer *p, char *text, size_t size);

/* The file @name that a fake wrote on that side, "" if none; free() it. */
char *scene_file(const struct peer *p, const char *name);

/* A number or text of the last report, by its key; "" if there is none. */
const char *scene_report(const struct peer *p, const char *key);

struct model_view scene_domain(const struct peer *p, uint32_t domid);

/* Both sides came to their good end, with every page where the stream said. */
void assert_migrated(const struct scene *s);
/* Nothing is claimed on the destination, and its ledger holds no live entry. */
void assert_clean(const struct scene *s);
void assert_outcome(const struct peer *p, enum outcome outcome);

/* The same outcome, lines, order, arguments and, where it is kept, stream as without us. */
void assert_as_without_us(const struct scene *s);

#endif
