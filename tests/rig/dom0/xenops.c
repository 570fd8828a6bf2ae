/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plays xenopsd around one live migration, as far as an emu-manager can see: the domain on the destination, the handshakes, what goes
 * over the stream before and behind the libxc part, the manager's environment and descriptors, the control lines, and its traps: the
 * reader thread that is on the stream while the manager starts, no time limit, the exit status ignored.
 *
 * usage: xenops send ADDRESS PORT DOMID [OPTION VALUE]...
 *        xenops receive PORT [OPTION VALUE]...
 *   --manager PATH           the emu-manager of xenopsd.conf
 *   --stream tcp|unix|pipe   what the manager gets: the connection, or a relay's socket (stunnel) or pipe (zstd)
 *   --claim PAGES|total      claimed for the domain before the manager starts (nothing)
 *   --pnode N                -mem_pnode N, as after a node claim
 *   --live true|false        (true)
 *   --env NAME=VALUE         in the manager's environment, besides PATH
 *   --forged FILE            its bytes go to the stream before the manager may write, as if a supervisor had written them
 *   --at STEP=COMMAND        a shell command when STEP is reached, with $MANAGER (pid) and $DOMID; "abort": what xenopsd does to cancel
 *
 * stdout: "step NAME SECONDS" (CLOCK_MONOTONIC) for each step, "line TEXT" for each control line. Steps of the source: started, prepare (asked for),
 * prepared (answered), suspend, suspended, result, over; of the destination: created, started, restore (told to), populating (a quarter of
 * the pages is there), result, over. Exit: 0 migrated; 1 not, and the guest stays on the source; 3 a manager hung or left someone hanging.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "domain.h"

enum { CHUNK = 256 * 1024, AT_MAX = 8, HANG_SECONDS = 60, SUSPEND_SECONDS = 60, OVERHEAD_KIB = 4096 };
enum { MIGRATED = 0, FAILED = 1, USAGE = 2, HUNG = 3 };

/* xenopsd's records (suspend_image.ml). */
static const char signature[] = "XenSavedDomv2-\n";
static const char xenops_record[] = "((time 20260101T00:00:00Z)(word_size 64)(vm_str ())(xs_subtree ()))";
enum { RECORD_XENOPS = 0x000f, RECORD_LIBXC = 0x00f0, RECORD_END = 0xffff };

static struct {
    const char *manager, *stream, *pnode, *live, *claim, *forged, *env;
    const char *at[AT_MAX];
    int nr_at;
} option = { .stream = "tcp", .live = "true" };

/* The manager under way. */
static struct {
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
} run;

static void step(const char *name)
{
    struct timespec t;
    size_t length = strlen(name);

    clock_gettime(CLOCK_MONOTONIC, &t);
    printf("step %s %lld.%06ld\n", name, (long long)t.tv_sec, t.tv_nsec / 1000);
    fflush(stdout);
    for (int i = 0; i < option.nr_at; i++) {
        if (strncmp(option.at[i], name, length) || option.at[i][length] != '=')
            continue;
        if (!strcmp(option.at[i] + length + 1, "abort")) {
            run.aborted = 1;
            if (write(run.in, "abort\n", 6) != 6)
                perror("xenops: abort");
            continue;
        }
        char pid[16], domid[16];
        snprintf(pid, sizeof(pid), "%d", run.pid);
        snprintf(domid, sizeof(domid), "%u", run.domid);
        setenv("MANAGER", pid, 1);
        setenv("DOMID", domid, 1);
        fprintf(stderr, "xenops: at %s: exit %d of: %s\n", name, system(option.at[i] + length + 1), option.at[i] + length + 1);
    }
}

static int send_all(int fd, const void *data, size_t length)
{
    const char *p = data;

    while (length) {
        ssize_t n = write(fd, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

static int receive_all(int fd, void *data, size_t length)
{
    char *p = data;

    while (length) {
        ssize_t n = read(fd, p, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : EPIPE;
            return -1;
        }
        p += n;
        length -= (size_t)n;
    }
    return 0;
}

static int send_record(int fd, uint64_t type, const char *body)
{
    uint64_t head[2] = { type, strlen(body) };

    return send_all(fd, head, sizeof(head)) || send_all(fd, body, strlen(body)) ? -1 : 0;
}

/* Two bytes of zeros: go on. */
static int agree(int fd)
{
    return send_all(fd, "\0\0", 2);
}

static int agreed(int fd, const char *what)
{
    char word[2];

    if (receive_all(fd, word, 2) || word[0] || word[1]) {
        fprintf(stderr, "xenops: the other side does not agree: %s\n", what);
        return -1;
    }
    return 0;
}

/* ---- the stream ---- */

static int connected(const char *host, const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    int one = 1;

    inet_aton(host, &a.sin_addr);
    for (int i = 0; i < 100; i++) { /* the receiving side may still be starting */
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!connect(s, (struct sockaddr *)&a, sizeof(a))) {
            setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            return s;
        }
        close(s);
        usleep(100000);
    }
    perror("xenops: connect");
    return -1;
}

/* A process that copies until one end is closed, as stunnel and zstd stand in the way. */
static int relayed(int connection, int sends)
{
    int ends[2], from, to;
    char *buffer;

    if (!strcmp(option.stream, "tcp"))
        return connection;
    if (strcmp(option.stream, "pipe") ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC)) {
        perror("xenops: relay");
        return -1;
    }
    /* of a pipe ends[0] is read */
    int ours = sends ? 1 : 0;
    if (fork()) {
        close(connection);
        close(ends[!ours]);
        return ends[ours];
    }
    close(ends[ours]);
    from = sends ? ends[0] : connection;
    to = sends ? connection : ends[1];
    buffer = malloc(CHUNK);
    for (ssize_t n; (n = read(from, buffer, CHUNK)) > 0 || (n < 0 && errno == EINTR);)
        if (n > 0 && send_all(to, buffer, (size_t)n))
            break;
    _exit(0);
}

/* ---- the manager ---- */

/* As vfork_helper does: /dev/null write-only thrice, control out 4, control in 5, the stream 6, PATH and nothing else. */
static int start_manager(char **arguments)
{
    char *environment[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", (char *)option.env, NULL };
    int in[2], out[2], null;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
        perror("xenops: pipe");
        return -1;
    }
    run.in = in[1];
    run.out = out[0];
    run.pid = fork();
    if (!run.pid) {
        struct rlimit files = { 1024, 1024 };
        int high[3] = { fcntl(out[1], F_DUPFD, 100), fcntl(in[0], F_DUPFD, 100), fcntl(run.stream, F_DUPFD, 100) };

        null = open("/dev/null", O_WRONLY);
        for (int i = 0; i < 3; i++) {
            dup2(null, i);
            dup2(high[i], 4 + i);
        }
        close(3);
        for (int fd = 7; fd < 1024; fd++)
            close(fd);
        setrlimit(RLIMIT_NOFILE, &files);
        setsid();
        if (chdir("/"))
            _exit(126);
        signal(SIGPIPE, SIG_IGN);
        execve(option.manager, arguments, environment);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    step("started");
    return run.pid < 0 ? -1 : 0;
}

/* The next control line, NULL at the end. */
static char *next_line(void)
{
    static char line[sizeof(run.buffer)];

    for (;;) {
        char *end = memchr(run.buffer, '\n', run.used);
        ssize_t n;

        if (end) {
            size_t length = (size_t)(end - run.buffer);

            memcpy(line, run.buffer, length);
            line[length] = 0;
            run.used -= length + 1;
            memmove(run.buffer, end + 1, run.used);
            printf("line %s\n", line);
            fflush(stdout);
            return line;
        }
        if (run.used == sizeof(run.buffer))
            return NULL;
        n = read(run.out, run.buffer + run.used, sizeof(run.buffer) - run.used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return NULL;
        run.used += (size_t)n;
    }
}

static int say(const char *line)
{
    if (send_all(run.in, line, strlen(line))) {
        perror("xenops: control");
        return -1;
    }
    return 0;
}

/* xenopsd waits without a limit; a test must not. */
static int wait_manager(void)
{
    for (int i = 0; i < HANG_SECONDS * 100; i++) {
        int status;

        if (waitpid(run.pid, &status, WNOHANG) == run.pid) {
            printf("manager %s %d\n", WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
            return 0;
        }
        usleep(10000);
    }
    fprintf(stderr, "xenops: hung: the manager does not end\n");
    kill(run.pid, SIGKILL);
    waitpid(run.pid, NULL, 0);
    return -1;
}

/* ---- the source ---- */

static int forge(void)
{
    char bytes[4096];
    ssize_t n;
    int fd;

    if (!option.forged)
        return 0;
    fd = open(option.forged, O_RDONLY);
    n = read(fd, bytes, sizeof(bytes));
    close(fd);
    return n <= 0 || send_all(run.stream, bytes, (size_t)n) ? -1 : 0;
}

/* Its control lines up to the result; 0, or -1 with the reason said. *suspended: the guest needs a resume if it goes wrong. */
static int save_lines(uint32_t domid, int *suspended)
{
    for (char *line; (line = next_line());) {
        if (!strcmp(line, "prepare:xenguest")) {
            step("prepare");
            if (send_record(run.stream, RECORD_LIBXC, "") || forge() || say("done\n"))
                return -1;
            step("prepared");
        } else if (!strncmp(line, "suspend:", 8)) {
            step("suspend");
            *suspended = 1;
            if (domain_suspend(domid, SUSPEND_SECONDS) || say("done\n"))
                return -1;
            step("suspended");
        } else if (!strncmp(line, "result:", 7)) {
            step("result");
            return 0;
        } else if (!strncmp(line, "error:", 6)) {
            return -1;
        } else if (!strchr(line, ':')) {
            fprintf(stderr, "xenops: not a control line: %s\n", line);
            return -1;
        }
    }
    fprintf(stderr, "xenops: the control channel ended without a result\n");
    return -1;
}

static int send_side(const char *host, const char *port, uint32_t domid)
{
    struct domain_state state = { 0 };
    struct domain guest;
    char words[256], id[16];
    char *arguments[] = { (char *)option.manager, "-controloutfd", "4", "-controlinfd", "5", "-fd", "6", "-mode", "hvm_save", "-domid", id, NULL, NULL, NULL };
    int vm = -1, suspended = 0, r = FAILED;

    domain_open();
    if (domain_named(domid, &guest) || domain_state(domid, &state)) {
        fprintf(stderr, "xenops: no domain %u\n", domid);
        return FAILED;
    }
    run.domid = domid;
    snprintf(id, sizeof(id), "%u", domid);
    if (!strcmp(option.live, "true")) {
        arguments[11] = "-live";
        arguments[12] = "true";
    }
    /* PUT /migrate/vm with its cookies, then PUT /migrate/mem. */
    snprintf(words, sizeof(words), "%s %s %u %" PRIu64 " %" PRIu64 "\n", guest.uuid, guest.name, state.vcpus, state.max_pages * 4, state.tot_pages);
    vm = connected(host, port);
    if (vm < 0 || send_all(vm, words, strlen(words)) || agreed(vm, "to have the domain"))
        return FAILED;
    run.stream = connected(host, port);
    if (run.stream < 0 || agreed(run.stream, "to take its memory"))
        return FAILED;
    run.stream = relayed(run.stream, 1);
    if (send_all(run.stream, signature, sizeof(signature) - 1) || send_record(run.stream, RECORD_XENOPS, xenops_record)) {
        perror("xenops: stream");
        return FAILED;
    }
    if (start_manager(arguments))
        return FAILED;
    r = save_lines(domid, &suspended) ? FAILED : MIGRATED;
    close(run.in);
    close(run.out);
    if (wait_manager())
        r = HUNG;
    if (r == MIGRATED && send_record(run.stream, RECORD_END, ""))
        r = FAILED;
    close(run.stream);
    if (r == MIGRATED && (agree(vm) || agreed(vm, "that it runs there")))
        r = FAILED;
    close(vm);
    if (r == MIGRATED)
        domain_destroy(&guest);
    else if (suspended && !domain_state(domid, &state) && state.shutdown >= 0 && domain_resume(domid))
        fprintf(stderr, "xenops: the guest is lost\n");
    step("over");
    return r;
}

/* ---- the destination ---- */

static int read_record(uint64_t type)
{
    uint64_t head[2];
    char body[4096];

    if (receive_all(run.stream, head, sizeof(head)))
        return -1;
    if (head[0] != type || head[1] >= sizeof(body)) {
        fprintf(stderr, "xenops: record %#" PRIx64 " of %" PRIu64 " bytes, wanted %#" PRIx64 "\n", head[0], head[1], type);
        return -1;
    }
    return receive_all(run.stream, body, head[1]);
}

/* xenopsd's reader: on the stream while the manager starts, and again right behind the result. */
static void *reader(void *none)
{
    (void)none;
    if (read_record(RECORD_XENOPS) || read_record(RECORD_LIBXC))
        return "the stream ended before its libxc part";
    run.told = 1;
    if (say("restore:xenguest\n"))
        return "restore:xenguest could not be said";
    step("restore");
    while (!run.restored && !run.over)
        usleep(2000);
    if (run.over && !run.restored)
        return "no result";
    return read_record(RECORD_END) ? "no end of image behind the libxc part" : NULL;
}

static void *watch(void *none)
{
    struct domain_state state;

    (void)none;
    while (!run.over && !domain_state(run.domid, &state)) {
        if (state.tot_pages > run.pages / 4) {
            step("populating");
            break;
        }
        usleep(2000);
    }
    return NULL;
}

/* Its control lines; MIGRATED with both frames, FAILED, or HUNG where xenopsd would wait for ever. */
static int restore_lines(unsigned long *store, unsigned long *console)
{
    int got = 0, error = 0;

    for (;;) {
        /* After the result the end of the channel must follow: somebody who keeps it open keeps xenopsd waiting. */
        struct pollfd p = { .fd = run.out, .events = POLLIN };
        char *line;

        if ((got || error) && !memchr(run.buffer, '\n', run.used) && poll(&p, 1, HANG_SECONDS * 1000) == 0) {
            fprintf(stderr, "xenops: hung: the control channel stays open after its last line\n");
            return HUNG;
        }
        line = next_line();
        if (!line)
            break;
        if (sscanf(line, "result:xenguest %lu %lu", store, console) == 2) {
            got = 1;
            step("result");
            run.restored = 1;
        } else if (!strncmp(line, "error:", 6) || !strncmp(line, "suspend:", 8) || !strncmp(line, "prepare:", 8) || !strchr(line, ':')) {
            error = 1;
            break;
        }
    }
    if (!got && !error && run.told && !run.aborted) {
        fprintf(stderr, "xenops: hung: the control channel ended without a line\n");
        return HUNG;
    }
    return got && !error ? MIGRATED : FAILED;
}

static int read_words(int vm, struct domain *guest, unsigned *vcpus, uint64_t *max_kib)
{
    char words[256] = "";

    for (size_t i = 0; i < sizeof(words) - 1; i++)
        if (receive_all(vm, words + i, 1) || words[i] == '\n')
            break;
    return sscanf(words, "%36s %63s %u %" SCNu64 " %" SCNu64, guest->uuid, guest->name, vcpus, max_kib, &run.pages) == 5 ? 0 : -1;
}

static int receive_side(const char *port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    struct domain guest = { 0 };
    char id[16], store_port[16], console_port[16], got[sizeof(signature)] = "";
    char *arguments[18] = { (char *)option.manager, "-controloutfd", "4", "-controlinfd", "5", "-mode", "hvm_restore", "-domid", id, "-fd", "6",
                            "-store_port", store_port, "-console_port", console_port };
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), vm, r = FAILED;
    unsigned long store = 0, console = 0;
    uint64_t max_kib = 0, claim;
    pthread_t threads[2];
    unsigned vcpus = 0;
    void *why;

    domain_open();
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 2)) {
        perror("xenops: listen");
        return FAILED;
    }
    vm = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (vm < 0 || read_words(vm, &guest, &vcpus, &max_kib)) {
        fprintf(stderr, "xenops: no domain announced\n");
        return FAILED;
    }
    claim = !option.claim ? 0 : !strcmp(option.claim, "total") ? run.pages : strtoull(option.claim, NULL, 10);
    if (domain_create(&guest, vcpus, max_kib + OVERHEAD_KIB, claim))
        return FAILED;
    run.domid = guest.id;
    step("created");
    snprintf(id, sizeof(id), "%u", guest.id);
    snprintf(store_port, sizeof(store_port), "%u", guest.store_port);
    snprintf(console_port, sizeof(console_port), "%u", guest.console_port);
    if (option.pnode) {
        arguments[15] = "-mem_pnode";
        arguments[16] = (char *)option.pnode;
    }
    if (agree(vm))
        goto out;
    run.stream = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (run.stream < 0 || agree(run.stream))
        goto out;
    run.stream = relayed(run.stream, 0);
    if (receive_all(run.stream, got, sizeof(signature) - 1) || strcmp(got, signature)) {
        fprintf(stderr, "xenops: no signature\n");
        goto out;
    }
    if (start_manager(arguments))
        goto out;
    pthread_create(&threads[0], NULL, reader, NULL);
    pthread_create(&threads[1], NULL, watch, NULL);
    r = restore_lines(&store, &console);
    if (r != MIGRATED)
        shutdown(run.stream, SHUT_RDWR); /* whoever reads there */
    run.over = 1;
    close(run.out);
    pthread_join(threads[0], &why);
    pthread_join(threads[1], NULL);
    close(run.in);
    if (r == MIGRATED && why) {
        fprintf(stderr, "xenops: %s\n", (char *)why);
        r = FAILED;
    }
    if (wait_manager())
        r = HUNG;
    close(run.stream);
    if (r == MIGRATED && (agreed(vm, "that all is sent") || domain_finish(&guest, store, console) || agree(vm)))
        r = FAILED;
out:
    if (r != MIGRATED)
        domain_destroy(&guest);
    close(vm);
    step("over");
    return r;
}

int main(int argc, char **argv)
{
    int first = argc > 1 && !strcmp(argv[1], "send") ? 5 : 3;

    for (int i = first; i + 1 < argc; i += 2) {
        static const struct {
            const char *name, **value;
        } known[] = { { "--manager", &option.manager }, { "--stream", &option.stream }, { "--claim", &option.claim },
                      { "--pnode", &option.pnode }, { "--live", &option.live }, { "--forged", &option.forged }, { "--env", &option.env } };
        size_t k = 0;

        while (k < sizeof(known) / sizeof(known[0]) && strcmp(argv[i], known[k].name))
            k++;
        if (k < sizeof(known) / sizeof(known[0]))
            *known[k].value = argv[i + 1];
        else if (!strcmp(argv[i], "--at") && option.nr_at < AT_MAX)
            option.at[option.nr_at++] = argv[i + 1];
        else
            argc = 0;
    }
    if (argc < first || (argc - first) % 2 || !option.manager) {
        fprintf(stderr, "usage: xenops send ADDRESS PORT DOMID | receive PORT, --manager PATH [OPTION VALUE]...\n");
        return USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    return first == 5 ? send_side(argv[2], argv[3], (uint32_t)atoi(argv[4])) : receive_side(argv[2]);
}
