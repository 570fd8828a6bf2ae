/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of xenops share; see xenops.c. Functions that return int: 0, or -1 with the reason said on stderr or in errno. */
#ifndef RIG_XENOPS_H
#define RIG_XENOPS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { AT_MAX = 8, HANG_SECONDS = 60 };

/* Records that xenopsd puts around the libxc part (suspend_image.ml). */
enum { RECORD_XENOPS = 0x000f, RECORD_LIBXC = 0x00f0, RECORD_END = 0xffff };

struct options {
    const char *manager, *stream, *pnode, *live, *claim, *forged, *env;
    const char *at[AT_MAX];
    int nr_at;
};

/* The manager under way. */
struct run {
    pid_t pid;
    int in, out, stream; /* control in (written), control out (read), the stream */
    char buffer[4096];
    size_t used;
    uint32_t domid;
    uint64_t pages;         /* the guest's */
    _Atomic int told;       /* "restore:xenguest" was written */
    _Atomic int restored;   /* its result came */
    _Atomic int over;
    _Atomic int aborted;    /* by us: the manager ends without a word */
};

extern struct options option;
extern struct run run;

/* xenops_manager.c */
void step(const char *name);           /* says that it was reached and does what --at wants then */
int start_manager(char **arguments);
char *next_line(void);                 /* of the control lines; NULL at their end; good until the next call */
int say(const char *line);
int wait_manager(void);                /* -1: it does not end */

/* xenops_stream.c */
int send_all(int fd, const void *data, size_t length);
int receive_all(int fd, void *data, size_t length);
int send_record(int fd, uint64_t type, const char *body);
int read_record(uint64_t type);        /* of the stream, and forgets its body */
int agree(int fd);                     /* two bytes of zeros: go on */
int agreed(int fd, const char *what);
int connected(const char *host, const char *port);
int relayed(int connection, int sends); /* the descriptor for the manager, as --stream wants it */
int forge(void);                       /* as --forged wants it */

#endif
