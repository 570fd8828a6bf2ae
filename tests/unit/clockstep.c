/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded: the time of day moves by CLOCK_STEP seconds whenever it is asked for. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long asked;

static time_t step(void)
{
    const char *seconds = getenv("CLOCK_STEP");

    return seconds ? (time_t)(atol(seconds) * (atomic_fetch_add(&asked, 1) + 1)) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);

    if (!rc && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += step();
    }
    return rc;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);

    (void)zone;
    now->tv_sec = ts.tv_sec;
    now->tv_usec = ts.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *at)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (at) {
        *at = ts.tv_sec;
    }
    return ts.tv_sec;
}
