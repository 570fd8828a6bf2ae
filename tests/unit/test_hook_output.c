/* SPDX-License-Identifier: BSD-2-Clause */
/* Whoever should take what a hook writes and does not: the real helper runs, the hook ends. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/output.h"

static char dir[64], conf[160], ran[128], reports[128];
static const char *const env[] = { conf, NULL };

static int setup(void **state)
{
    char text[1024], helper[128];

    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(helper, sizeof(helper), "%s/helper", dir);
    snprintf(ran, sizeof(ran), "%s/ran", dir);
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    snprintf(text, sizeof(text), "#!/bin/sh\necho >%s\n", ran);
    put_text(helper, text);
    assert_int_equal(chmod(helper, 0755), 0);
    snprintf(text, sizeof(text),
             "lock_dir = %s/lock\nreport_file = %s\nlibxl_save_helper = %s\n"
             "peek_timeout_ms = 50\n",
             dir, reports, helper);
    put_text(strchr(conf, '=') + 1, text);
    return 0;
}

/* A save that is none of ours, one of ours, and a restore: each has a report. */
static const char *const calls[][12] = {
    { "--save-domain", "5", "-1", "7", "0", "0", "0", NULL },
    { "--save-domain", "5", "-1", "7", "1", "0", "0", NULL },
    { "--restore-domain", "5", "-1", "7", "1", "0", "2", "0", "0", "0", NULL },
};

static void assert_ran(const char *const *args)
{
    const char *argv[16] = { program("EXCLAIM_HOOK") };
    int fd = open("/dev/null", O_RDWR);
    struct run r = { .argv = argv, .env = env, .stream_fd = fd };

    for (size_t i = 0; args[i]; i++) {
        argv[i + 1] = args[i];
    }
    remove(ran);
    run(&r);
    close(fd);
    if (run_exit(&r) || access(ran, F_OK)) {
        fail_msg("exit %d: %s", run_exit(&r), r.err);
    }
    run_free(&r);
}

static void report_without_reader(void **state)
{
    (void)state;
    remove(reports);
    assert_int_equal(mkfifo(reports, 0600), 0);
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        assert_ran(calls[i]);
    }
    remove(reports);
}

/* In a mount namespace of its own, /dev/log of a daemon; what it has not read yet is to be had from
 * the socket that is returned. */
static int open_log(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
    int daemon;

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", "/dev", "tmpfs", 0, NULL)) {
        _exit(77);
    }
    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
    mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9));
    daemon = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (bind(daemon, (struct sockaddr *)&to, sizeof(to))) {
        _exit(1);
    }
    return daemon;
}

/* Of a daemon that reads nothing any more. */
static void full_log(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
    int writer = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    open_log();
    if (connect(writer, (struct sockaddr *)&to, sizeof(to))) {
        _exit(1);
    }
    while (send(writer, "<30>x", 5, 0) == 5) {
    }
    if (errno != EAGAIN) {
        _exit(2);
    }
}

/* In a process of its own, which may be changed for good. */
static void apart(void (*part)(void))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (!pid) {
        part();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip(); /* not allowed to mount */
    }
    assert_int_equal(status, 0);
}

static void with_log_stuck(void)
{
    full_log();
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        assert_ran(calls[i]);
    }
}

static void log_stuck(void **state)
{
    (void)state;
    apart(with_log_stuck);
}

/* From here on no process has a child, as where there are too many; threads it may have. */
static void forbid_fork(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_fork
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 6, 0),
#else
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS), /* then it is clone */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
    };
    const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        _exit(77);
    }
}

/* A report is never written by the hook itself: it is lost, and the log says why. */
static void with_no_process(void)
{
    static const char lost[] = "report lost: fork: Resource temporarily unavailable";
    static char logged[65536];
    const int log = open_log();
    size_t len = 0, nr = 0;
    ssize_t r;

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        const int null = open("/dev/null", O_RDWR);
        const char *argv[16] = { program("EXCLAIM_HOOK") };
        int status;
        pid_t pid;

        remove(ran);
        memcpy(argv + 1, calls[i], sizeof(calls[i]));
        pid = fork();
        if (!pid) {
            alarm(60);
            putenv(conf);
            dup2(null, 5);
            forbid_fork();
            execv(argv[0], (char **)(uintptr_t)argv);
            _exit(127);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(access(ran, F_OK), 0);
        close(null);
    }
    while ((r = recv(log, logged + len, sizeof(logged) - len - 1, 0)) > 0) {
        len += (size_t)r;
    }
    for (const char *at = logged; (at = strstr(at, lost)); at++) {
        nr++;
    }
    assert_int_equal(nr, ARRAY_SIZE(calls));
    assert_int_not_equal(access(reports, F_OK), 0);
}

static void no_process(void **state)
{
    (void)state;
    remove(reports);
    apart(with_no_process);
}

static bool in_background;   /* the hook has a process group of its own */
static bool without_process; /* and can have no child */

/* The hook that refuses with this as its stderr. */
static pid_t start_refusing(int err)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        int null = open("/dev/null", O_RDWR);

        alarm(20);
        if (in_background) {
            setpgid(0, 0);
        }
        if (without_process) {
            setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* which takes a process */
            forbid_fork();
        }
        dup2(err, STDERR_FILENO);
        dup2(null, 5);
        setenv("EXCLAIM_CONF", "/no/such/file", 1); /* and so no helper */
        execl(program("EXCLAIM_HOOK"), "libxl-save-helper", "--restore-domain", "5", "-1", "7", "1",
              "0", "2", "0", "0", "0", (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* How it ends, or that it stops; the descriptor is closed then. */
static int refusing(int err)
{
    pid_t pid = start_refusing(err);
    int status;

    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    if (WIFSTOPPED(status)) {
        kill(pid, SIGKILL);
    }
    close(err);
    return status;
}

static void fill(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, "x", 1) == 1) {
    }
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* A refusal that nobody reads is a refusal all the same. */
static void stderr_full(void **state)
{
    int err[2];

    (void)state;
    assert_int_equal(pipe(err), 0);
    fill(err[1]);
    assert_int_equal(refusing(err[1]), 5 << 8);
    close(err[0]);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, err), 0);
    fill(err[1]);
    assert_int_equal(refusing(err[1]), 5 << 8);
    close(err[0]);
}

static void stderr_without_reader(void **state)
{
    int err[2];

    (void)state;
    for (int sockets = 0; sockets < 2; sockets++) {
        assert_int_equal(sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, err) : pipe(err), 0);
        close(err[0]);
        assert_int_equal(refusing(err[1]), 5 << 8);
    }
}

/* From here on write() of this process and all from it stays within the kernel until the
 * descriptor that is returned lets it go on, or is closed. */
static int hold_writes(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
    long fd = -1;

    if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                     &program);
    }
    if (fd < 0) {
        _exit(77);
    }
    return (int)fd;
}

/* The write that is held; no other is begun by then. */
static void held_write(int held, struct seccomp_notif *notif)
{
    struct pollfd p = { .fd = held, .events = POLLIN };

    memset(notif, 0, sizeof(*notif));
    if (poll(&p, 1, 20000) != 1 || ioctl(held, SECCOMP_IOCTL_NOTIF_RECV, notif)) {
        _exit(3);
    }
}

static void go_on(int held, const struct seccomp_notif *notif)
{
    struct seccomp_notif_resp resp = { .id = notif->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

    if (ioctl(held, SECCOMP_IOCTL_NOTIF_SEND, &resp)) {
        _exit(4);
    }
}

/* A file whose server is gone. */
static void with_file_hanging(void)
{
    char path[128];
    int held, err;

    snprintf(path, sizeof(path), "%s/stderr", dir);
    err = open(path, O_WRONLY | O_CREAT, 0600);
    held = hold_writes();
    if (refusing(err) != 5 << 8) {
        _exit(1);
    }
    close(held);
}

static void stderr_hangs(void **state)
{
    (void)state;
    apart(with_file_hanging);
}

static void stderr_is_file(void **state)
{
    char path[128], text[1024] = "";
    int err;

    (void)state;
    snprintf(path, sizeof(path), "%s/stderr", dir);
    remove(path);
    err = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(err, "first\n", 6), 6);
    assert_int_equal(refusing(dup(err)), 5 << 8);
    /* On a busy machine the hook has not waited for it. */
    for (int i = 0; i < 1000 && pread(err, text, sizeof(text) - 1, 0) <= 6; i++) {
        usleep(10000);
    }
    assert_true(!strncmp(text, "first\nexclaim: ", 15));
    assert_one_line(text + 6);
    close(err);
    remove(path);
}

/* Nobody can tell how long a file takes, and there is no process for it: the log has the line. */
static void with_file_and_no_process(void)
{
    char path[128], text[2048] = "";
    const int log = open_log();

    snprintf(path, sizeof(path), "%s/stderr", dir);
    without_process = true;
    if (refusing(open(path, O_WRONLY | O_CREAT, 0600)) != 5 << 8) {
        _exit(1);
    }
    while (recv(log, text, sizeof(text) - 1, 0) > 0) {
        if (strstr(text, "not on stderr: fork: Resource temporarily unavailable: exclaim: ")) {
            return;
        }
        memset(text, 0, sizeof(text));
    }
    _exit(2);
}

static void stderr_without_process(void **state)
{
    (void)state;
    apart(with_file_and_no_process);
}

/* The other end closes, or another writer fills the pipe, just when a line is to be written. */
static void with_pipe_changing(void)
{
    const struct iovec byte = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
    const int held = hold_writes();

    for (int full = 0; full < 2; full++) {
        struct seccomp_notif notif;
        int err[2], status;
        pid_t pid;

        if (pipe(err)) {
            _exit(1);
        }
        pid = start_refusing(err[1]);
        held_write(held, &notif);
        if (full) {
            fcntl(err[1], F_SETFL, O_NONBLOCK);
            while (writev(err[1], &byte, 1) == 1) {
            }
            fcntl(err[1], F_SETFL, 0);
        } else {
            close(err[0]);
        }
        go_on(held, &notif);
        if (waitpid(pid, &status, 0) != pid || status != 5 << 8) {
            _exit(2);
        }
        close(err[1]);
        if (full) {
            close(err[0]);
        }
    }
}

static void stderr_changes(void **state)
{
    (void)state;
    apart(with_pipe_changing);
}

/* Its master; @slave is the terminal of this process's session if that has none. */
static int open_terminal(int *slave)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);

    if (master < 0 || grantpt(master) || unlockpt(master)) {
        _exit(77);
    }
    *slave = open(ptsname(master), O_RDWR);
    if (*slave < 0) {
        _exit(77);
    }
    return master;
}

/* As with ^S: nothing comes, and nobody waits until somebody types ^Q. */
static void with_terminal_stopped(void)
{
    char text[1024];
    int slave, master = open_terminal(&slave);

    if (refusing(dup(slave)) != 5 << 8 || read(master, text, sizeof(text)) < 10 ||
        strncmp(text, "exclaim: ", 9) != 0) {
        _exit(1);
    }
    if (tcflow(slave, TCOOFF) || refusing(dup(slave)) != 5 << 8) {
        _exit(2);
    }
    if (tcflow(slave, TCOON) || read(master, text, sizeof(text)) >= 0) {
        _exit(3);
    }
}

/* In the background of a shell with `stty tostop`. */
static void with_tostop(void)
{
    struct termios how;
    int slave;

    setsid();
    open_terminal(&slave);
    if (tcgetattr(slave, &how)) {
        _exit(1);
    }
    how.c_lflag |= TOSTOP;
    if (tcsetattr(slave, TCSANOW, &how) || tcgetpgrp(slave) != getpgrp()) {
        _exit(2);
    }
    in_background = true;
    if (refusing(slave) != 5 << 8) {
        _exit(3);
    }
}

static void stderr_is_terminal(void **state)
{
    (void)state;
    apart(with_terminal_stopped);
    apart(with_tostop);
}

static void hang(void *arg)
{
    (void)arg;
    pause();
}

/* A writer that hangs, as a file system may, keeps nobody, holds nothing open and is no child. */
static void writer_hangs(void **state)
{
    int held[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(held), 0);
    assert_int_equal(exclaim_detached(hang, NULL, 20, NULL), 0);
    close(held[1]);
    assert_int_equal(read(held[0], &byte, 1), 0); /* or it would wait for the writer */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    close(held[0]);
}

static void note(void *arg)
{
    put_text(arg, "done");
}

static void note_alarm(void *arg)
{
    sigset_t blocked;

    if (!sigprocmask(SIG_BLOCK, NULL, &blocked) && !sigismember(&blocked, SIGALRM)) {
        put_text(arg, "it ends one day");
    }
}

/* Whatever whoever started the hook has blocked. */
static void writer_has_its_alarm(void **state)
{
    sigset_t alarms, before;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/note", dir);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &alarms, &before), 0);
    assert_int_equal(exclaim_detached(note_alarm, path, 60000, NULL), 0);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    assert_int_equal(remove(path), 0);
}

static void writer_is_waited_for(void **state)
{
    unsigned int fds = count_fds();
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/note", dir);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(exclaim_detached(note, path, 60000, NULL), 0);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(count_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_without_reader),
        cmocka_unit_test(log_stuck),
        cmocka_unit_test(stderr_full),
        cmocka_unit_test(stderr_without_reader),
        cmocka_unit_test(stderr_changes),
        cmocka_unit_test(stderr_hangs),
        cmocka_unit_test(stderr_is_file),
        cmocka_unit_test(stderr_without_process),
        cmocka_unit_test(stderr_is_terminal),
        cmocka_unit_test(writer_hangs),
        cmocka_unit_test(writer_is_waited_for),
        cmocka_unit_test(writer_has_its_alarm),
        cmocka_unit_test(no_process),
    };

    if (!access("/sys/hypervisor/version", F_OK)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, drop_made);
}
