/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages per node of an HVM or PVH guest from the machine pages of its frames; self.h says how they
 * are read, mapped.h how the work is divided.
 *
 * The guest ticks on.  No lock of Xen's is held for longer than a batch of frames, and what it
 * costs is proportional to this guest alone.
 */
#include "../base/clock.h"
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/memory.h>

#define ATTEMPTS    4
#define PAUSE_MS    50
#define WORKERS_MAX 64u
#define PROBE_MS    2000
#define FRAMES_MAX  (1ull << 40)

/* 4 GiB: so much of a hole is looked at once all pages are found. */
#define HOLE_FRAMES (1u << 20)

struct worker {
    pid_t pid; /* 0: none */
    int fd;
};

/* One count, all its attempts. */
struct counting {
    struct exclaim_xen *xen;
    const struct exclaim_count_how *how;
    struct exclaim_count *count;
    struct xen_mapped_job job;
    struct xen_nodes *nodes;
    int64_t deadline; /* ms, CLOCK_MONOTONIC */
    uint64_t before;  /* the total when the attempt began */
    uint64_t unknown; /* pages on no known node */
    uint64_t sum;
    struct xen_run last; /* the run that may still grow; nr 0: none */
    struct worker worker[WORKERS_MAX];
    struct xen_mapped_message head;
    struct xen_run run[XEN_CHUNK_FRAMES];
};

/* How an attempt ended. */
enum outcome {
    COUNTED, /* all frames were looked at */
    CHANGED, /* the domain's total changed on the way */
    LATE,    /* no time is left */
    FAILED,  /* `why` says what is in the way */
};

static enum outcome __attribute__((format(printf, 2, 3)))
failed(struct counting *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->count->why, sizeof(c->count->why), fmt, ap);
    va_end(ap);
    return FAILED;
}

/* --- processes --- */

/* Nothing of its parent's is held open by a worker: no stream, no control pipe, no lock. */
static void close_all_but(int fd)
{
    int null = open("/dev/null", O_RDWR);

    for (int i = 0; i < 3; i++) {
        dup2(null, i);
    }
    dup2(fd, 3);
#ifdef SYS_close_range
    if (!syscall(SYS_close_range, 4u, ~0u, 0u)) {
        return;
    }
#endif
    for (long i = sysconf(_SC_OPEN_MAX) - 1; i > 3; i--) {
        close((int)i);
    }
}

static void __attribute__((noreturn))
be_worker(struct counting *c, uint32_t number, int fd, pid_t parent)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGCHLD };
    sigset_t none;
    int rc = -1;

    /* It dies with its parent, and with it all its mappings: also if that has died by now. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent) {
        _exit(1);
    }
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        signal(signals[i], SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_all_but(fd);
    /* The parent's handle is its own: buffers are not inherited (MADV_DONTFORK). */
    if (c->xen->lib.open) {
        c->xen->xch = c->xen->lib.open(xen_quiet(), xen_quiet(), 0);
    }
    if (c->xen->xch) {
        rc = xen_mapped_work(c->xen, &c->job, number, 3);
    }
    _exit(rc ? 1 : 0);
}

static void stop_workers(struct counting *c)
{
    for (uint32_t i = 0; i < c->job.workers; i++) {
        struct worker *w = &c->worker[i];

        if (w->pid > 0) {
            kill(w->pid, SIGKILL);
            while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR) {
            }
            close(w->fd);
        }
        *w = (struct worker){ 0 };
    }
}

static bool start_workers(struct counting *c)
{
    const pid_t self = getpid();

    for (uint32_t i = 0; i < c->job.workers; i++) {
        int fd[2];
        pid_t pid;

        if (pipe2(fd, O_CLOEXEC)) {
            failed(c, "pipe: %s", strerror(errno));
            return false;
        }
        pid = fork();
        if (pid < 0) {
            failed(c, "fork: %s", strerror(errno));
            close(fd[0]);
            close(fd[1]);
            return false;
        }
        if (pid == 0) {
            be_worker(c, i, fd[1], self);
        }
        close(fd[1]);
        c->worker[i] = (struct worker){ .pid = pid, .fd = fd[0] };
    }
    return true;
}

static enum outcome read_all(struct counting *c, uint32_t number, void *data, size_t size)
{
    struct pollfd p = { .fd = c->worker[number].fd, .events = POLLIN };
    size_t at = 0;

    while (at < size) {
        int64_t left = c->deadline - exclaim_now_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        ssize_t r;

        if (ready == 0 || (ready < 0 && errno == EINTR)) {
            if (left <= 0) {
                return LATE;
            }
            continue;
        }
        r = ready > 0 ? read(p.fd, (char *)data + at, size - at) : -1;
        if (r < 0 && errno != EINTR) {
            return failed(c, "reading from a worker: %s", strerror(errno));
        }
        if (r == 0) {
            return failed(c, "a worker ended early");
        }
        at += r > 0 ? (size_t)r : 0;
    }
    return COUNTED;
}

/* The next message of a worker into c->head and c->run. */
static enum outcome read_message(struct counting *c, uint32_t number)
{
    enum outcome o = read_all(c, number, &c->head, sizeof(c->head));

    if (o != COUNTED) {
        return o;
    }
    c->head.why[sizeof(c->head.why) - 1] = '\0';
    if (c->head.why[0]) {
        return failed(c, "%s", c->head.why);
    }
    if (c->head.nr_runs > XEN_CHUNK_FRAMES) {
        return failed(c, "a worker told %u runs", c->head.nr_runs);
    }
    return read_all(c, number, c->run, c->head.nr_runs * sizeof(c->run[0]));
}

/* --- adding up --- */

static void tell_last(struct counting *c)
{
    if (c->last.nr && c->how->runs) {
        c->how->runs->run(c->how->runs->arg, c->last.gfn, c->last.nr, c->last.node);
    }
    c->last.nr = 0;
}

static void add_run(struct counting *c, const struct xen_run *run)
{
    c->sum += run->nr;
    if (run->node >= c->nodes->nr) {
        c->unknown += run->nr;
        return;
    }
    c->count->pages[run->node] += run->nr;
    if (c->last.nr && c->last.gfn + c->last.nr == run->gfn && c->last.node == run->node &&
        run->nr <= UINT32_MAX - c->last.nr) {
        c->last.nr += run->nr;
        return;
    }
    tell_last(c);
    c->last = *run;
}

static enum outcome add_chunks(struct counting *c)
{
    const uint64_t chunks = xen_mapped_chunks(&c->job);
    uint64_t total, hole = 0;
    enum outcome o;
    int errnum;

    for (uint32_t i = 0; i < c->job.workers; i++) {
        o = read_message(c, i);
        if (o != COUNTED) {
            return o;
        }
    }
    for (uint64_t i = 0; i < chunks && c->job.workers; i++) {
        o = read_message(c, (uint32_t)(i % c->job.workers));
        if (o != COUNTED) {
            return o;
        }
        for (uint32_t r = 0; r < c->head.nr_runs; r++) {
            add_run(c, &c->run[r]);
        }
        errnum = xen_total_pages(c->xen, c->job.domid, &total);
        if (errnum) {
            return failed(c, "domain %u: %s", c->job.domid, exclaim_hv_errno_meaning(errnum));
        }
        if (total != c->before) {
            failed(c, "pages changed: %" PRIu64 " before, %" PRIu64 " after %" PRIu64 " of them",
                   c->before, total, c->sum);
            return CHANGED;
        }
        /* A device's memory may be mapped terabytes above the last page. */
        hole = c->head.nr_runs ? 0 : hole + XEN_CHUNK_FRAMES;
        if (hole >= HOLE_FRAMES && c->sum == total) {
            break;
        }
    }
    return COUNTED;
}

/* --- one attempt, and all of them --- */

/* What refuses this method, before anything of the guest is touched: both ways of asking for a
 * frame populate a frame that is populated on demand. */
static enum outcome look_at_domain(struct counting *c)
{
    struct xen_memory_domain highest = { .domid = (domid_t)c->job.domid };
    struct xen_pod_target pod = { .domid = (domid_t)c->job.domid };
    xc_domaininfo_t info;
    long last;
    int errnum = xen_domain_info(c->xen, c->job.domid, &info);

    if (errnum) {
        return failed(c, "domain %u: %s", c->job.domid, exclaim_hv_errno_meaning(errnum));
    }
    if (!(info.flags & XEN_DOMINF_hvm_guest)) {
        return failed(c, "a PV guest: what leads to its pages is its own to write");
    }
    if (info.flags & XEN_DOMINF_dying) {
        return failed(c, "domain %u is dying", c->job.domid);
    }
    if (info.shr_pages || info.paged_pages) {
        return failed(c, "%" PRIu64 " shared and %" PRIu64 " paged pages", (uint64_t)info.shr_pages,
                      (uint64_t)info.paged_pages);
    }
    if (c->xen->lib.memory_op(c->xen->xch, XENMEM_get_pod_target, &pod, sizeof(pod)) < 0) {
        return failed(c, "whether pages are populated on demand: %s",
                      exclaim_hv_errno_meaning(errno));
    }
    if (pod.pod_entries) {
        return failed(c, "%" PRIu64 " pages are populated on demand", pod.pod_entries);
    }
    last = c->xen->lib.memory_op(c->xen->xch, XENMEM_maximum_gpfn, &highest, sizeof(highest));
    if (last < 0) {
        return failed(c, "highest frame: %s", exclaim_hv_errno_meaning(errno));
    }
    if ((uint64_t)last >= FRAMES_MAX) {
        return failed(c, "highest frame 0x%lx: too far", last);
    }
    c->job.frames = (uint64_t)last + 1;
    errnum = xen_total_pages(c->xen, c->job.domid, &c->before);
    return errnum ? failed(c, "domain %u: %s", c->job.domid, exclaim_hv_errno_meaning(errnum))
                  : COUNTED;
}

static enum outcome attempt(struct counting *c)
{
    struct exclaim_count *count = c->count;
    enum outcome o = look_at_domain(c);

    if (o != COUNTED) {
        return o;
    }
    *count = (struct exclaim_count){ .method = EXCLAIM_FROM_MAPPED };
    c->sum = c->unknown = 0;
    c->last.nr = 0;
    if (c->how->runs) {
        c->how->runs->begin(c->how->runs->arg);
    }
    o = start_workers(c) ? add_chunks(c) : FAILED;
    stop_workers(c);
    count->total_pages = c->before;
    if (o == FAILED) {
        return o;
    }
    count->nr_nodes = c->nodes->nr;
    if (o == LATE) {
        failed(c, "%" PRIu64 " of %" PRIu64 " pages counted in %u ms (count_ms_max)", c->sum,
               c->before, c->how->ms_max);
        return o;
    }
    if (o == COUNTED) {
        count->exact = c->sum == c->before && c->unknown == 0;
    }
    if (count->exact) {
        tell_last(c);
    } else if (o == COUNTED && c->unknown) {
        failed(c, "%" PRIu64 " of %" PRIu64 " pages are on no node of the srat", c->unknown,
               c->before);
    } else if (o == COUNTED) {
        failed(c, "%" PRIu64 " pages found, the total is %" PRIu64, c->sum, c->before);
    }
    return o;
}

static void count_all(struct counting *c)
{
    const struct timespec pause = { .tv_nsec = (long)PAUSE_MS * 1000000 };

    for (unsigned int i = 0; i < ATTEMPTS; i++) {
        enum outcome o;

        /* What was left out as a hole may have been none. */
        c->job.skip_holes = i == 0;
        o = attempt(c);
        if (c->count->exact || o == LATE || o == FAILED || c->unknown) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

static uint32_t nr_workers(struct exclaim_xen *xen, const struct exclaim_count_how *how)
{
    xc_domaininfo_t dom0;
    uint32_t nr = how->workers;

    if (nr == 0) {
        nr = xen_domain_info(xen, 0, &dom0) ? 1 : dom0.nr_online_vcpus / 2;
    }
    return nr < 1 ? 1 : nr < WORKERS_MAX ? nr : WORKERS_MAX;
}

/* False with the reason in count->why. */
static bool prepare(struct counting *c, uint32_t domid)
{
    if (!c->xen->lib.map2) {
        failed(c, "libxenforeignmemory.so.1 cannot be loaded");
        return false;
    }
    c->nodes = calloc(1, sizeof(*c->nodes));
    if (!c->nodes) {
        failed(c, "out of memory");
        return false;
    }
    c->job = (struct xen_mapped_job){ .domid = domid,
                                      .workers = nr_workers(c->xen, c->how),
                                      .nodes = c->nodes };
    c->deadline = exclaim_now_ms() + c->how->ms_max;
    return xen_nodes_read(c->xen, c->nodes, c->count->why, sizeof(c->count->why));
}

void xen_count_mapped(struct exclaim_xen *xen, uint32_t domid, const struct exclaim_count_how *how,
                      struct exclaim_count *count)
{
    struct counting *c = calloc(1, sizeof(*c));

    *count = (struct exclaim_count){ .method = EXCLAIM_FROM_MAPPED };
    if (!c) {
        snprintf(count->why, sizeof(count->why), "out of memory");
        return;
    }
    c->xen = xen;
    c->how = how;
    c->count = count;
    if (how->ms_max == 0) {
        failed(c, "no time is allowed for it (count_ms_max 0)");
    } else if (prepare(c, domid)) {
        count_all(c);
    }
    free(c->nodes);
    free(c);
}

bool xen_count_mapped_possible(struct exclaim_xen *xen, char *why, size_t size)
{
    static const struct exclaim_count_how how = { .workers = 1, .ms_max = PROBE_MS };
    struct exclaim_count count = { 0 };
    struct counting *c = calloc(1, sizeof(*c));
    bool ok;

    if (!c) {
        snprintf(why, size, "out of memory");
        return false;
    }
    c->xen = xen;
    c->how = &how;
    c->count = &count;
    /* No frame is looked at: one worker says whether it finds its tables. */
    ok = prepare(c, 0) && start_workers(c) && add_chunks(c) == COUNTED;
    stop_workers(c);
    if (!ok) {
        snprintf(why, size, "%.*s", (int)size - 1,
                 count.why[0] ? count.why : "no answer of a worker in time");
    }
    free(c->nodes);
    free(c);
    return ok;
}
