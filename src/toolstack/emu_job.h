/* SPDX-License-Identifier: BSD-2-Clause */
/* One piece of work in a thread of its own, while the lines between xenopsd and emu-manager go on.
 */
#ifndef EXCLAIM_EMU_JOB_H
#define EXCLAIM_EMU_JOB_H

#include <pthread.h>
#include <stdbool.h>

#include <exclaim/error.h>

struct emu_job {
    int (*run)(void *arg, int cancel_fd); /* ends soon once @cancel_fd is readable */
    void *arg;
    int cancel_fd; /* -1: no job */
    int done_fd;   /* readable when it has ended */
    int rc;
    pthread_t thread;
};

void emu_job_init(struct emu_job *job);

int emu_job_start(struct emu_job *job, int (*run)(void *arg, int cancel_fd), void *arg,
                  struct exclaim_error *err);

/* Started and not joined yet. */
bool emu_job_runs(const struct emu_job *job);

/* Has returned: joining it does not wait. */
bool emu_job_ended(const struct emu_job *job);

/* Only asks. */
void emu_job_cancel(struct emu_job *job);

/* Waits for its end; what it returned. */
int emu_job_join(struct emu_job *job);

#endif
