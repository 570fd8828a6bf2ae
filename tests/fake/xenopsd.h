/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One side of a migration as xenopsd carries it out around an emu-manager (xen-api,
 * ocaml/xenopsd/xc: domain.ml, emu_manager.ml, and ocaml/forkexecd/helper/vfork_helper.c).
 *
 * Where xenopsd would wait for ever this one gives up after XENOPSD_PATIENCE_MS and says so.
 */
#ifndef FAKE_XENOPSD_H
#define FAKE_XENOPSD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define XENOPSD_PATIENCE_MS 30000 /* unless it is given another */
#define XENOPSD_LINES       64

/* Where the libxc stream begins: what xenopsd has written by then. */
#define LIBXC_AT 114u

/* What a process started under it is, by its executable. */
#define EXE_SUPERVISOR "emu-manager-model"
#define EXE_MANAGER    "fake-emu-manager"
#define EXE_XENGUEST   "fake-xenguest"

enum outcome {
    OUTCOME_NONE = 0, /* did not come to an end: a fault of the test */
    OUTCOME_DONE,
    OUTCOME_ERROR,   /* `error:` came */
    OUTCOME_END,     /* the control pipe ended without a last line */
    OUTCOME_BAD,     /* a line or a record that xenopsd does not accept */
    OUTCOME_ABORTED, /* as the test wished */
    OUTCOME_HUNG,    /* xenopsd would wait for ever */
};

struct transcript {
    enum outcome outcome;
    char why[256];
    uint32_t total, sum;            /* lines that came, but ours; a sum over all their text */
    uint32_t nr;                    /* lines that came on control-out, in their order */
    char line[XENOPSD_LINES][2100]; /* cut off at this length */
    int status;                     /* of the manager; xenopsd does not look at it */
    int64_t abort_ms;               /* from `abort` to the manager's end */
    char seen[512];                 /* what a step's function wants to tell the test */
};

struct xenopsd;

/* What to do where a step's function is asked. */
enum act { ACT_GO, ACT_ABORT, ACT_GIVE_UP };

/*
 * Called at each step, in xenopsd's own process: with each line that came, before it is answered,
 * and at "@started", "@restore" (the line restore:xenguest is written), "@done" (an answer is
 * written) and "@taken" (whoever was started has taken it off the pipe).
 */
typedef enum act step_fn(struct xenopsd *x, const char *step);

struct xenopsd {
    bool restore;
    const char *program; /* what is started as emu-manager */
    const char *const *env;
    const char *const *extra; /* arguments, or NULL */
    uint32_t domid;
    bool live, pv, compress, xenguest_late;
    const char *mem_pnode;
    int stream, vgpu; /* vgpu: -1 if none; the same number as stream on suspend */
    int64_t patience_ms;
    rlim_t files, space; /* RLIMIT_NOFILE and RLIMIT_AS of what is started; 0: xenopsd's own */
    int hold; /* restore: a descriptor that is closed when the manager runs, -1 if none */
    step_fn *at;
    void *arg;
    struct transcript *out; /* shared with the test */
    /* Its own, for the steps' functions. */
    pid_t pid;
    int in, control; /* to the manager and from it */
};

/* In a process of its own, which it ends. */
_Noreturn void xenopsd_run(struct xenopsd *x);

/* --- for the steps' functions --- */

/* A process below this one with the executable @exe; 0 if there is none. */
pid_t xenopsd_find(const char *exe);

/* Who holds the file that /proc/self/fd/@fd names: names of executables with the access mode, in
 * a fixed order, as "fake-xenguest:rw emu-manager-model:w". */
void xenopsd_holders(int fd, char *text, size_t size);

#endif
