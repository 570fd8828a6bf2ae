/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xenguest, whom emu-manager.c starts: the host's own libxenguest on the stream it is given, in a thread, while the main one listens.
 * What libxc says goes to /var/log/xen/xenguest.log, with the time (CLOCK_MONOTONIC) at which it was called.
 *
 * It looks the library up as a program linked to it would: what is preloaded comes first.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIVE = 1, STREAM_PLAIN = 0 }; /* xenguest.h: XCFLAGS_LIVE, XC_STREAM_PLAIN */
enum { POLICY_ABORT = -1, POLICY_CONTINUE = 0, POLICY_STOP = 1 };

/* xenguest.h, the same in 4.17 to 4.22. */
struct save_callbacks {
    int (*suspend)(void *);
    int (*precopy_policy)(void); /* see there */
    int (*postcopy)(void *);
    int (*checkpoint)(void *);
    int (*wait_checkpoint)(void *);
    int (*switch_qemu_logdirty)(uint32_t, unsigned, void *);
    void *data;
};

struct restore_callbacks {
    void *none[6];
    void *data;
};

typedef int save_fn(void *, int, uint32_t, uint32_t, struct save_callbacks *, int, int);
/* Since 4.22 with memflags as its last argument: of no harm to those before. */
typedef int restore_fn(void *, int, uint32_t, unsigned, unsigned long *, uint32_t, unsigned, unsigned long *, uint32_t, int,
                       struct restore_callbacks *, int, unsigned);

static struct {
    void *xch;
    save_fn *save;
    restore_fn *restore;
    uint32_t domid;
    int stream;
    unsigned store, console;
    int live;
    unsigned policy_calls;
    sem_t paused;
    atomic_int aborted;
} guest = { .stream = -1 };

static void tell(const char *words)
{
    if (send(0, words, strlen(words), MSG_NOSIGNAL) < 0)
        _exit(1);
}

static void log_time(const char *what)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    fprintf(stderr, "%s %u %lld.%06ld\n", what, guest.domid, (long long)t.tv_sec, t.tv_nsec / 1000);
}

static int suspend(void *data)
{
    (void)data;
    tell("suspend");
    sem_wait(&guest.paused);
    return !guest.aborted;
}

/*
 * Really called with statistics by value, whose size, and with it how they are passed, changed within 4.17; so it looks at none and counts its
 * calls instead: two for each iteration. The live stage ends with the fourth, the latest that the real managers allow.
 */
static int policy(void)
{
    unsigned iteration = guest.policy_calls++ / 2;
    char words[32];

    if (guest.aborted)
        return POLICY_ABORT;
    snprintf(words, sizeof(words), "progress %u", 25 * iteration);
    tell(words);
    return iteration < 4 ? POLICY_CONTINUE : POLICY_STOP;
}

static int logdirty(uint32_t domid, unsigned enable, void *data)
{
    (void)domid;
    (void)enable;
    (void)data;
    return 0; /* a PVH guest has no QEMU */
}

static void *work(void *verb)
{
    struct save_callbacks saving = { .suspend = suspend, .precopy_policy = policy, .switch_qemu_logdirty = logdirty };
    struct restore_callbacks restoring = { .data = NULL };
    unsigned long store = 0, console = 0;
    char words[96];
    int r;

    log_time(verb);
    if (!strcmp(verb, "save"))
        r = guest.save(guest.xch, guest.stream, guest.domid, guest.live ? LIVE : 0, &saving, STREAM_PLAIN, -1);
    else
        r = guest.restore(guest.xch, guest.stream, guest.domid, guest.store, &store, 0, guest.console, &console, 0, STREAM_PLAIN, &restoring, -1, 0);
    log_time("over");
    close(guest.stream);
    if (r)
        snprintf(words, sizeof(words), "error xenguest %s", strerror(errno));
    else
        snprintf(words, sizeof(words), "result %lu %lu", store, console);
    tell(words);
    return NULL;
}

static void begin(const char *verb)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, (void *)verb))
        _exit(1);
}

static void take_stream(struct msghdr *message)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);

    if (c && c->cmsg_type == SCM_RIGHTS)
        memcpy(&guest.stream, CMSG_DATA(c), sizeof(int));
}

static void listen_to_manager(void)
{
    for (;;) {
        char words[128], control[CMSG_SPACE(sizeof(int))];
        struct iovec part = { words, sizeof(words) - 1 };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(0, &message, MSG_CMSG_CLOEXEC);

        if (n <= 0)
            _exit(0); /* quit */
        words[n] = 0;
        if (!strcmp(words, "init"))
            take_stream(&message);
        else if (!strncmp(words, "save", 4)) {
            guest.live = !strcmp(words, "save live");
            begin("save");
        } else if (sscanf(words, "restore %u %u", &guest.store, &guest.console) == 2)
            begin("restore");
        else if (!strcmp(words, "paused"))
            sem_post(&guest.paused);
        else if (!strcmp(words, "abort")) {
            guest.aborted = 1;
            sem_post(&guest.paused);
        }
    }
}

int main(int argc, char **argv)
{
    int log = open("/var/log/xen/xenguest.log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    void *(*xc_open)(void *, void *, unsigned);

    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "-domid"))
            guest.domid = (uint32_t)atoi(argv[i + 1]);
    dup2(log, 2);
    setvbuf(stderr, NULL, _IOLBF, 0);
    sem_init(&guest.paused, 0, 0);
    if (!dlopen("/rig/lib/libxenguest.so", RTLD_NOW | RTLD_GLOBAL)) {
        fprintf(stderr, "xenguest: %s\n", dlerror());
        return 1;
    }
    xc_open = (void *(*)(void *, void *, unsigned))dlsym(RTLD_DEFAULT, "xc_interface_open");
    guest.save = (save_fn *)dlsym(RTLD_DEFAULT, "xc_domain_save");
    guest.restore = (restore_fn *)dlsym(RTLD_DEFAULT, "xc_domain_restore");
    guest.xch = xc_open && guest.save && guest.restore ? xc_open(NULL, NULL, 0) : NULL;
    if (!guest.xch) {
        fprintf(stderr, "xenguest: no Xen\n");
        return 1;
    }
    if (write(1, "Ready\n", 6) != 6)
        return 1;
    close(1);
    listen_to_manager();
}
