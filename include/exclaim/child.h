/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting the real emulator and standing in its place towards the toolstack. */
#ifndef EXCLAIM_CHILD_H
#define EXCLAIM_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <exclaim/config.h>
#include <exclaim/error.h>
#include <exclaim/ledger.h>

/*
 * The real libxl-save-helper: @config's, else the one of the running Xen where Debian and the
 * upstream build install it.  Never this program itself (device and inode compared).
 */
int exclaim_find_save_helper(const struct exclaim_config *config, char *path, uint32_t size,
                             struct exclaim_error *err);

/* The same for emu-manager and, moved aside for our wrapper, xenguest. */
int exclaim_find_emu_manager(const struct exclaim_config *config, char *path, uint32_t size,
                             struct exclaim_error *err);
int exclaim_find_xenguest(const struct exclaim_config *config, char *path, uint32_t size,
                          struct exclaim_error *err);

/* The descriptors above 2 that a program was started with. */
struct exclaim_inherited {
    uint32_t nr;
    int fd[64];
};

/* Call first thing in main(), before anything is opened. */
void exclaim_inherited_fds(struct exclaim_inherited *inherited);

/* What a child gets beside its arguments and what we were started with. */
struct exclaim_child_setup {
    const char *preload;                /* an object to load into it, or NULL */
    const char *place;                  /* then: EXCLAIM_PLACE for that object */
    struct exclaim_ledger_entry *entry; /* where it is noted as the process that places, or NULL */
    bool outlives; /* it is not killed when we die: it ends by itself, on the end of its input */
    uint32_t nr_fds;
    struct {
        int ours, its; /* our descriptor takes the place of the inherited one of this number */
    } fd[2];
};

/*
 * Starts @path with @argv, all inherited descriptors, stdin and stdout, and @setup (NULL: nothing
 * more).  It is noted in the ledger before it is anything else.  Signals that a toolstack sends are
 * blocked in the caller from here on, for exclaim_child_wait().
 */
int exclaim_child_start(const char *path, char *const *argv,
                        const struct exclaim_child_setup *setup, pid_t *pid,
                        struct exclaim_error *err);

/*
 * Closes our copies of the child's descriptors and of stdin, so that its peer sees its end.  stdout
 * stays open until we end: libxl kills its helper (us) as soon as it reads the end of that pipe
 * (xen tools/libs/light/libxl_save_callout.c, helper_failed()), and there is still a claim to
 * release.
 */
void exclaim_child_detach(const struct exclaim_inherited *inherited);

/* Waits for the child, handing on the signals that we get; its wait status.  @tick (or NULL) is
 * called every @tick_ms milliseconds until then. */
int exclaim_child_wait(pid_t pid, int *status, void (*tick)(void *arg), void *arg,
                       unsigned int tick_ms, struct exclaim_error *err);

/* Ends this process as the child ended: same exit code, same signal. */
void exclaim_child_mirror(int status) __attribute__((noreturn));

#endif
