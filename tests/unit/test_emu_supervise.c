/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a toolstack (this test) and a manager (a script): what passes, what waits, who is told of
 * which end, and that nobody waits for ever.  The machine has no Xen, which is one more thing that
 * may be wrong.
 */
#include "supervise.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <exclaim/emu.h>

#define IN     50
#define OUT    51
#define STREAM 52

static char dir[64], conf[128];

static const struct exclaim_emu_limits limits = {
    .count = 20000, .write = 300, .peek = 60000, .end = 300, .deserted = 300, .last_word = 60000
};

struct stage {
    pid_t pid;
    int to, from, stream; /* the toolstack's ends */
    int status;
};

static void configure(const char *policy)
{
    char text[512];

    snprintf(text, sizeof(text),
             "policy = %s\nlock_dir = %s/lock\nreport_file = %s/reports\nplace_object =\n"
             "peek_timeout_ms = 60000\n",
             policy, dir, dir);
    put_text(conf, text);
}

/* The supervisor in a process of its own; the script finds the pipes under $in and $out. */
static void start(struct stage *st, bool save, const char *script)
{
    int in[2], out[2], stream[2];

    assert_int_equal(pipe(in) || pipe(out), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    st->pid = fork();
    assert_true(st->pid >= 0);
    if (!st->pid) {
        const struct exclaim_emu_args args = { .known = true,
                                               .save = save,
                                               .hvm = true,
                                               .live = save,
                                               .domid = 1,
                                               .control_in = IN,
                                               .control_out = OUT,
                                               .stream_fd = STREAM,
                                               .vgpu_fd = -1,
                                               .node = -1 };
        struct exclaim_inherited inherited = { .nr = 3, .fd = { IN, OUT, STREAM } };
        char text[4096];
        const char *argv[] = { "manager", "-c", text, NULL };
        const struct exclaim_emu_start how = { .args = &args,
                                               .path = "/bin/bash",
                                               .argv = (char *const *)(uintptr_t)argv,
                                               .inherited = &inherited,
                                               .limits = &limits };
        struct exclaim_error err = { 0 };
        struct exclaim_session s;
        int code, status;

        snprintf(text, sizeof(text), "exec <&%d >&%d %d<&- %d>&-; %s", IN, OUT, IN, OUT, script);
        dup2(in[0], IN);
        dup2(out[1], OUT);
        dup2(stream[0], STREAM);
        for (int fd = 3; fd < IN; fd++) {
            close(fd);
        }
        signal(SIGPIPE, SIG_IGN); /* as xenopsd starts us */
        alarm(60);
        exclaim_session_init(&s, save ? EXCLAIM_ROLE_SOURCE : EXCLAIM_ROLE_DESTINATION, "test", 1);
        if (exclaim_emu_supervise(&s, &how, &code, &status, &err)) {
            _exit(99);
        }
        if (code >= 0) {
            _exit(code);
        }
        exclaim_child_mirror(status);
    }
    close(in[0]);
    close(out[1]);
    close(stream[0]);
    st->to = in[1];
    st->from = out[0];
    st->stream = stream[1];
}

static void tell(const struct stage *st, const char *line)
{
    assert_int_equal(write(st->to, line, strlen(line)), strlen(line));
}

/* The next line that is none of our `info:`. */
static void expect(const struct stage *st, const char *want)
{
    char line[8192];

    do {
        read_line(st->from, line, sizeof(line));
    } while (!strncmp(line, "info:exclaim: ", 14));
    assert_string_equal(line, want);
}

/* Nothing but our `info:` until the end; the supervisor's end is within its own limits. */
static void finish(struct stage *st)
{
    char rest[8192], *line, *save = NULL;

    read_all(st->from, rest, sizeof(rest));
    for (line = strtok_r(rest, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "info:exclaim: ", 14) != 0) {
            fail_msg("unexpected: %s", line);
        }
    }
    assert_int_equal(waitpid(st->pid, &st->status, 0), st->pid);
    close(st->to);
    close(st->from);
    close(st->stream);
}

static void assert_exit(struct stage *st, int code)
{
    finish(st);
    assert_true(WIFEXITED(st->status));
    assert_int_equal(WEXITSTATUS(st->status), code);
}

static void in_order(void **state)
{
    struct stage st;

    (void)state;
    configure("prefer");
    start(&st, true,
          "echo info:one; echo prepare:xenguest; read x; echo info:$x; echo suspend:; read x; "
          "echo info:$x; echo 'info:\\b\\b\\b\\b50'; printf 'result:0 0'; exit 4");
    expect(&st, "info:one\n");
    expect(&st, "prepare:xenguest\n");
    tell(&st, "done\n");
    expect(&st, "info:done\n");
    expect(&st, "suspend:\n");
    tell(&st, "do");
    tell(&st, "ne\n");
    expect(&st, "info:done\n");
    expect(&st, "info:\\b\\b\\b\\b50\n");
    {
        char last[16];

        assert_int_equal(read_all(st.from, last, sizeof(last)), 10);
        assert_string_equal(last, "result:0 0"); /* as it came: without an end */
    }
    assert_exit(&st, 4);
}

static void silent_ends(void **state)
{
    static const struct {
        bool save;
        const char *script, *line;
    } cases[] = {
        { true, "exit 1", "error:emu-manager ended with exit code 1\n" },
        { true, "kill -9 $$", "error:emu-manager killed by signal 9\n" },
        { false, "exit 0", "error:emu-manager ended with exit code 0\n" },
        /* who holds the pipe open makes no difference */
        { false, "sleep 50 2>/dev/null & exit 7", "error:emu-manager ended with exit code 7\n" },
        { false, "echo result:vgpu; exit 3", "result:vgpu\n" },
    };

    (void)state;
    configure("prefer");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct stage st;

        start(&st, cases[i].save, cases[i].script);
        expect(&st, cases[i].line);
        if (i == ARRAY_SIZE(cases) - 1) {
            expect(&st, "error:emu-manager ended with exit code 3\n");
        }
        finish(&st);
    }
}

static void spoken_ends(void **state)
{
    static const struct {
        bool save;
        const char *line;
    } cases[] = {
        { true, "result:0 0\n" },
        { true, "error:x\n" },
        { false, "result:xenguest 1 2\n" },
        { false, "error:xenguest Invalid argument\n" },
    };

    (void)state;
    configure("prefer");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char script[128];
        struct stage st;

        snprintf(script, sizeof(script), "echo '%.*s'; exit 9", (int)strlen(cases[i].line) - 1,
                 cases[i].line);
        start(&st, cases[i].save, script);
        expect(&st, cases[i].line);
        assert_exit(&st, 9);
    }
}

/* While `restore:xenguest` waits for a stream that never begins: an abort passes it, whether it
 * comes with it or later, and no line is added. */
static void abort_passes(void **state)
{
    (void)state;
    configure("strict");
    for (int together = 0; together < 2; together++) {
        struct stage st;

        start(&st, false, "echo info:up; read x; test $x = abort && exit 11");
        expect(&st, "info:up\n");
        tell(&st, together ? "restore:xenguest\nabort\n" : "restore:xenguest\n");
        if (!together) {
            tell(&st, "restore:vgpu\nabort\n");
        }
        assert_exit(&st, 11);
    }
}

/* What the manager says is not held up by a line that waits, nor is its end. */
static void other_way_is_free(void **state)
{
    struct stage st;

    (void)state;
    configure("prefer");
    start(&st, false, "trap 'echo info:busy; kill -6 $$' USR1; echo info:up; read x");
    expect(&st, "info:up\n");
    tell(&st, "restore:xenguest\n");
    kill(st.pid, SIGUSR1); /* handed on to the manager */
    expect(&st, "info:busy\n");
    expect(&st, "error:emu-manager killed by signal 6\n");
    finish(&st);
    assert_true(WIFSIGNALED(st.status));
    assert_int_equal(WTERMSIG(st.status), 6);
}

/* The toolstack is gone: the manager sees the end of its input, and nothing of what waited. */
static void toolstack_gone(void **state)
{
    struct stage st;

    (void)state;
    configure("prefer");
    start(&st, false, "echo info:up; read x && exit 1; echo 'error:Broken pipe'; exit 2");
    expect(&st, "info:up\n");
    tell(&st, "restore:xenguest\n");
    close(st.to);
    st.to = -1;
    expect(&st, "error:Broken pipe\n");
    assert_exit(&st, 2);
}

/* strict: the reason goes to the toolstack, the manager is told, and killed if it will not. */
static void refused(void **state)
{
    static const char *const scripts[] = {
        "echo info:up; read x; test $x = abort && exit 0",
        "trap '' TERM; echo info:up; while :; do sleep 1; done"
    };

    (void)state;
    configure("strict");
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        struct stage st;
        char line[256];

        start(&st, false, scripts[i]);
        expect(&st, "info:up\n");
        tell(&st, "restore:xenguest\n");
        shutdown(st.stream, SHUT_WR);
        do {
            read_line(st.from, line, sizeof(line));
        } while (!strncmp(line, "info:exclaim: ", 14));
        assert_memory_equal(line, "error:record: no reservation", 28);
        assert_true(strlen(line) <= 128);
        assert_exit(&st, 3);
    }
}

/* prefer: the stream ends or is of another kind, and everything goes on. */
static void goes_on(void **state)
{
    struct stage st;

    (void)state;
    configure("prefer");
    start(&st, false, "read x; echo info:$x; head -c 4 <&52; echo; echo result:xenguest 1 2");
    tell(&st, "restore:xenguest\n");
    assert_int_equal(write(st.stream, "data that is no stream of libxc, long enough", 44), 44);
    expect(&st, "info:restore:xenguest\n");
    expect(&st, "data\n");
    expect(&st, "result:xenguest 1 2\n");
    assert_exit(&st, 0);
}

static void closes_its_output(void **state)
{
    struct stage st;

    (void)state;
    configure("prefer");
    /* It hears nobody either: not for ever. */
    start(&st, false, "exec >&- ; trap '' TERM; while :; do sleep 1; done");
    expect(&st, "error:emu-manager closed its control output and goes on\n");
    assert_int_equal(read(st.from, (char[1]){ 0 }, 1), 0); /* the end is handed on */
    close(st.to);
    st.to = -1;
    finish(&st);
    assert_true(WIFSIGNALED(st.status));
    assert_int_equal(WTERMSIG(st.status), SIGKILL);
}

/* Cancelled, everything closed, and a manager that does not care: the toolstack waits for our end
 * without a limit. */
static void deserted(void **state)
{
    struct stage st;
    int status;

    (void)state;
    configure("prefer");
    start(&st, false, "trap '' TERM; echo info:up; while :; do sleep 1; done");
    expect(&st, "info:up\n");
    tell(&st, "abort\n");
    close(st.to);
    close(st.from);
    assert_int_equal(waitpid(st.pid, &status, 0), st.pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    close(st.stream);
}

/* As long as it gets: the same bytes. */
static void long_lines(void **state)
{
    struct stage st;
    char want[6000];

    (void)state;
    configure("prefer");
    memset(want, 'z', sizeof(want));
    memcpy(want, "info:", 5);
    want[5005] = '\n';
    want[5006] = '\0';
    start(&st, true,
          "printf info:; head -c 5000 /dev/zero | tr '\\0' z; echo; read x; echo ${#x}; "
          "echo result:0 0");
    expect(&st, want);
    memset(want, 'q', 5000);
    strcpy(want + 5000, "\n");
    tell(&st, want);
    expect(&st, "5000\n");
    expect(&st, "result:0 0\n");
    assert_exit(&st, 0);
}

/* The toolstack closes at once after `result:`, and the manager has more to say. */
static void nobody_listens(void **state)
{
    struct stage st;
    int status;

    (void)state;
    configure("prefer");
    start(&st, true, "echo result:0 0; read x; for i in 1 2 3; do echo info:$i; done; exit 6");
    expect(&st, "result:0 0\n");
    close(st.from);
    close(st.to);
    assert_int_equal(waitpid(st.pid, &status, 0), st.pid);
    assert_true(WIFEXITED(status)); /* not by SIGPIPE */
    assert_int_equal(WEXITSTATUS(status), 6);
    close(st.stream);
}

static int setup(void **state)
{
    (void)state;
    make_dir(dir);
    snprintf(conf, sizeof(conf), "%s/conf", dir);
    return setenv(EXCLAIM_CONFIG_ENV, conf, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),          cmocka_unit_test(silent_ends),
        cmocka_unit_test(spoken_ends),       cmocka_unit_test(abort_passes),
        cmocka_unit_test(other_way_is_free), cmocka_unit_test(toolstack_gone),
        cmocka_unit_test(refused),           cmocka_unit_test(goes_on),
        cmocka_unit_test(closes_its_output), cmocka_unit_test(deserted),
        cmocka_unit_test(long_lines),        cmocka_unit_test(nobody_listens),
    };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
