/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between xenopsd and the real emu-manager: both directions of their control lines pass through
 * here, whole, in order and unchanged, and at one point on each side a line waits for us:
 *
 *   save      `done`, the answer to `prepare:xenguest`: count, write the record
 *   restore   `restore:xenguest`: peek, match, claim
 *
 * Both happen in a thread, so that meanwhile the other direction goes on, an `abort` is handed on
 * at once and a dead manager is noticed.
 */
#ifndef EXCLAIM_EMU_H
#define EXCLAIM_EMU_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/child.h>
#include <exclaim/session.h>

/* What xenopsd tells emu-manager on the command line: xen-api
 * ocaml/xenopsd/xc/{emu_manager,domain}.ml; read as both emu-managers read it. */
struct exclaim_emu_args {
    bool known; /* a mode, a domain and both control descriptors: enough to stand in between */
    bool save;  /* else restore */
    bool hvm;   /* HVM or PVH */
    bool live;
    bool compress; /* a stream of unknown form */
    uint32_t domid;
    int control_in;  /* from xenopsd */
    int control_out; /* to xenopsd */
    int stream_fd;   /* -1: none */
    int vgpu_fd;     /* -1: none; may be the same as stream_fd */
    int node;        /* -mem_pnode: xenopsd's claim on this one node worked; -1: none */
    bool restores;   /* -mode names a restore, whatever else is said */
};

/* Changes neither @argv nor what it points to.  Options of no concern to us are passed over, as is
 * whatever is wrong; then `known` is false if too little is left. */
void exclaim_emu_parse_args(int argc, char *const *argv, struct exclaim_emu_args *args);

/* Why there is nothing for us to do but to supervise; NULL if there is. */
const char *exclaim_emu_not_ours(const struct exclaim_emu_args *args);

/* Milliseconds.  The real managers wait 120 s for `done`, and xenguest as long for a command. */
struct exclaim_emu_limits {
    int count;     /* for the count; then the save goes on without a record */
    int write;     /* for the record's bytes */
    int peek;      /* the most of peek_timeout_ms that is used */
    int end;       /* for a manager that was told to end */
    int deserted;  /* for a manager that nobody can hear and that hears nobody */
    int last_word; /* for the toolstack to take what is left */
};

extern const struct exclaim_emu_limits exclaim_emu_limits;

struct exclaim_emu_start {
    const struct exclaim_emu_args *args;
    const char *path;  /* of the real manager */
    char *const *argv; /* for it */
    const struct exclaim_inherited *inherited;
    const struct exclaim_emu_limits *limits;
};

/*
 * Starts the manager and stands between it and the toolstack until it has ended.  -1, with nothing
 * done, if it could not be started; otherwise *code is our exit code, or -1 to end as *status says.
 */
int exclaim_emu_supervise(struct exclaim_session *s, const struct exclaim_emu_start *start,
                          int *code, int *status, struct exclaim_error *err);

#endif
