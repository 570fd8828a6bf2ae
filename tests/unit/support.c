/* SPDX-License-Identifier: BSD-2-Clause */
/* Files, directories and programs to run, for the unit tests. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERR_MAX (1 << 20)

static char made[64];

void make_dir(char dir[64])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, 64, "%.40s/exclaim-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    /* Whatever a hook remembers of these tests' configurations goes with them. */
    assert_int_equal(setenv("EXCLAIM_STATE_DIR", dir, 1), 0);
    memcpy(made, dir, sizeof(made));
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void drop_dir(const char *dir)
{
    assert_int_equal(nftw(dir, drop_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int drop_made(void **state)
{
    (void)state;
    drop_dir(made);
    return 0;
}

void put_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

char *get_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t got = 0, size = 0;

    if (!f) {
        fail_msg("open %s: %s", path, strerror(errno));
    }
    do {
        size += 65536;
        text = realloc(text, size + 1);
        assert_non_null(text);
        got += fread(text + got, 1, size - got, f);
    } while (got == size);
    fclose(f);
    text[got] = '\0';
    if (len) {
        *len = got;
    }
    return text;
}

unsigned int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned int nr = 0;

    assert_non_null(dir);
    while (readdir(dir)) {
        nr++;
    }
    closedir(dir);
    return nr - 3; /* ".", ".." and the directory's own */
}

static int scratch(void)
{
    FILE *f = tmpfile();
    int fd;

    assert_non_null(f);
    fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 100); /* out of the way of 0 to 2 and 5 */
    assert_true(fd >= 0);
    fclose(f);
    return fd;
}

static void become(const struct run *r, int in, int out, int err)
{
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    if (r->stream_fd) {
        dup2(r->stream_fd, 5);
    }
    for (int fd = 3; fd < 256; fd++) {
        if (fd != 5 || !r->stream_fd) {
            close(fd);
        }
    }
    for (unsigned int i = 0; r->env && r->env[i]; i++) {
        putenv((char *)(uintptr_t)r->env[i]);
    }
    alarm(60);
    execv(r->argv[0], (char *const *)(uintptr_t)r->argv);
    _exit(127);
}

/* A pipe as stderr, which the hooks write to at once, as they do not to a file. */
static void open_err(int err[2])
{
    int end[2];

    assert_int_equal(pipe2(end, O_CLOEXEC), 0);
    assert_true(fcntl(end[1], F_SETPIPE_SZ, ERR_MAX) >= ERR_MAX);
    for (int i = 0; i < 2; i++) {
        err[i] = fcntl(end[i], F_DUPFD_CLOEXEC, 100);
        assert_true(err[i] >= 0);
        close(end[i]);
    }
    assert_int_equal(fcntl(err[0], F_SETFL, O_NONBLOCK), 0);
}

/* What is there now: somebody that was left behind may still have the other end. */
static char *take_err(int fd)
{
    char *text = calloc(1, ERR_MAX + 1);
    size_t got = 0;
    ssize_t r;

    assert_non_null(text);
    while (got < ERR_MAX && (r = read(fd, text + got, ERR_MAX - got)) > 0) {
        got += (size_t)r;
    }
    close(fd);
    return text;
}

static char *take(int fd)
{
    char path[64], *text;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    text = get_file(path, NULL);
    close(fd);
    return text;
}

void run(struct run *r)
{
    int in = scratch(), out = scratch(), err[2];
    pid_t pid;

    open_err(err);
    assert_int_equal(write(in, r->input ? r->input : "", r->input_len), r->input_len);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    if (r->out_path) {
        close(out);
        out = open(r->out_path, O_WRONLY | O_CLOEXEC);
        assert_true(out >= 0);
    }
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        become(r, in, out, err[1]);
    }
    close(err[1]);
    assert_int_equal(waitpid(pid, &r->status, 0), pid);
    close(in);
    r->out = NULL;
    if (r->out_path) {
        close(out);
    } else {
        r->out = take(out);
    }
    r->err = take_err(err[0]);
}

void run_free(struct run *r)
{
    free(r->out);
    free(r->err);
    r->out = r->err = NULL;
}

int run_exit(const struct run *r)
{
    return WIFSIGNALED(r->status) ? 1000 + WTERMSIG(r->status) : WEXITSTATUS(r->status);
}

char *run_out(struct run *r, int exit)
{
    char *out;

    run(r);
    if (run_exit(r) != exit) {
        fail_msg("%s: exit %d: %s%s", r->argv[1], run_exit(r), r->out, r->err);
    }
    out = strdup(r->out);
    assert_non_null(out);
    run_free(r);
    return out;
}

unsigned int count_lines(const char *text)
{
    unsigned int lines = 0;

    for (; *text; text++) {
        lines += *text == '\n';
    }
    return lines;
}

void assert_one_line(const char *text)
{
    size_t len = strlen(text);

    if (strncmp(text, "exclaim", 7) || count_lines(text) != 1 || text[len - 1] != '\n') {
        fail_msg("not one line of ours: \"%s\"", text);
    }
}

const char *program(const char *env)
{
    const char *path = getenv(env);

    if (!path || access(path, X_OK)) {
        fail_msg("%s does not name a program (CTest sets it)", env);
    }
    return path;
}
