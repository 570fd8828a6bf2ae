/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs one piece of work in a thread, with descriptors that say done and cancel. */
#include "emu_job.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void raise_flag(int fd)
{
    const uint64_t one = 1;

    /* Cannot fail: the counter is far from full. */
    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

static void *body(void *arg)
{
    struct emu_job *job = arg;

    job->rc = job->run(job->arg, job->cancel_fd);
    raise_flag(job->done_fd);
    return NULL;
}

static void close_flags(struct emu_job *job)
{
    if (job->cancel_fd >= 0) {
        close(job->cancel_fd);
    }
    if (job->done_fd >= 0) {
        close(job->done_fd);
    }
    emu_job_init(job);
}

void emu_job_init(struct emu_job *job)
{
    job->cancel_fd = -1;
    job->done_fd = -1;
}

int emu_job_start(struct emu_job *job, int (*run)(void *arg, int cancel_fd), void *arg,
                  struct exclaim_error *err)
{
    int errnum;

    job->run = run;
    job->arg = arg;
    job->cancel_fd = eventfd(0, EFD_CLOEXEC);
    job->done_fd = eventfd(0, EFD_CLOEXEC);
    errnum = job->cancel_fd < 0 || job->done_fd < 0 ? errno
                                                    : pthread_create(&job->thread, NULL, body, job);
    if (errnum) {
        close_flags(job);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errnum, "start a thread");
    }
    return 0;
}

bool emu_job_runs(const struct emu_job *job)
{
    return job->cancel_fd >= 0;
}

bool emu_job_ended(const struct emu_job *job)
{
    struct pollfd p = { .fd = job->done_fd, .events = POLLIN };

    return emu_job_runs(job) && poll(&p, 1, 0) > 0;
}

void emu_job_cancel(struct emu_job *job)
{
    raise_flag(job->cancel_fd);
}

int emu_job_join(struct emu_job *job)
{
    pthread_join(job->thread, NULL);
    close_flags(job);
    return job->rc;
}
