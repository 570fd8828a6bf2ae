/* SPDX-License-Identifier: BSD-2-Clause */
/* What xenopsd says: its command line, as both emu-managers read it; and lines in pieces, too long,
 * cut off: nothing lost, nothing invented. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/emu.h>

#include "toolstack/emu_line.h"

#define CONTROL "-controloutfd", "4", "-controlinfd", "5"

static void parse(const char *const *list, struct exclaim_emu_args *args)
{
    char *argv[40], *copy[40];
    int argc = 0;

    argv[argc++] = strdup("emu-manager");
    for (; *list; list++) {
        argv[argc++] = strdup(*list);
    }
    argv[argc] = NULL;
    memcpy(copy, argv, sizeof(copy));
    exclaim_emu_parse_args(argc, argv, args);
    for (int i = 0; i < argc; i++) {
        assert_ptr_equal(argv[i],
                         copy[i]); /* not sorted: the real manager gets them as they came */
        free(argv[i]);
    }
    assert_null(argv[argc]);
}

#define PARSE(args, ...) parse((const char *const[]){ __VA_ARGS__, NULL }, args)

/* xen-api ocaml/xenopsd/xc/domain.ml */
static void as_xenopsd_says(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, CONTROL, "-fd", "6", "-mode", "hvm_save", "-domid", "7", "-dm", "qemu", "-live",
          "true", "-debug", "true", "-dm", "vgpu:8");
    assert_true(a.known && a.save && a.hvm && a.live);
    assert_false(a.compress);
    assert_int_equal(a.domid, 7);
    assert_int_equal(a.control_out, 4);
    assert_int_equal(a.control_in, 5);
    assert_int_equal(a.stream_fd, 6);
    assert_int_equal(a.vgpu_fd, 8);
    assert_int_equal(a.node, -1);
    assert_null(exclaim_emu_not_ours(&a));

    PARSE(&a, CONTROL, "-mode", "restore", "-domid", "0", "-fd", "6", "-store_port", "2",
          "-console_port", "3", "-mem_pnode", "1");
    assert_true(a.known);
    assert_false(a.save || a.hvm || a.live);
    assert_int_equal(a.node, 1);
    assert_int_equal(a.vgpu_fd, -1);
    assert_null(exclaim_emu_not_ours(&a));
}

static void every_form(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, "--controloutfd=4", "-controlinfd=5", "--fd", "6", "-mod", "save", "-domid=7",
          "--live=true", "-mem_pnode=0");
    assert_true(a.known && a.save && a.live);
    assert_false(a.hvm);
    assert_int_equal(a.stream_fd, 6);
    assert_int_equal(a.node, 0);
}

/* Options of times to come, values that look like options, words that are none. */
static void unknown_is_passed_over(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, "-shiny", "new", "word", CONTROL, "-glitter", "-5", "-mode", "hvm_restore",
          "-traceparent", "-fd", "-domid", "7", "-fd", "6", "--", "-domid", "9");
    assert_true(a.known);
    assert_int_equal(a.domid, 7);
    assert_int_equal(a.stream_fd, 6);
    /* Of what stands there twice the last one holds. */
    PARSE(&a, CONTROL, "-mode", "save", "-mode", "hvm_restore", "-domid", "7", "-domid", "8");
    assert_true(a.known && a.hvm);
    assert_false(a.save);
    assert_int_equal(a.domid, 8);
}

static void too_little(void **state)
{
    static const char *const cases[][12] = {
        { NULL },
        { CONTROL, NULL },
        { CONTROL, "-mode", "hvm_save", NULL },
        { CONTROL, "-domid", "1", NULL },
        { CONTROL, "-mode", "hvm_build", "-domid", "1", NULL },
        { CONTROL, "-mode", "", "-domid", "1", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "x", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "-1", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", "32752", NULL },
        { CONTROL, "-mode", "hvm_save", "-domid", NULL },
        { "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "4", "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "1", "-controloutfd", "4", "-mode", "save", "-domid", "1", NULL },
        { "-controlinfd", "99999999999", "-controloutfd", "4", "-mode", "save", "-domid", "1",
          NULL },
        { CONTROL, "-mode", "save", "-domid", "1", "-supports", "migration-v2", NULL },
    };
    struct exclaim_emu_args a;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        parse(cases[i], &a);
        if (a.known) {
            fail_msg("case %zu is known", i);
        }
    }
}

static void not_ours(void **state)
{
    struct exclaim_emu_args a;

    (void)state;
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6");
    assert_true(a.known);
    assert_string_equal(exclaim_emu_not_ours(&a), "not a live migration");
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6", "-live", "false");
    assert_non_null(exclaim_emu_not_ours(&a));
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "6", "-live", "true", "-compress",
          "true");
    assert_non_null(strstr(exclaim_emu_not_ours(&a), "compressed"));
    PARSE(&a, CONTROL, "-mode", "hvm_save", "-domid", "1", "-fd", "six", "-live", "true");
    assert_non_null(strstr(exclaim_emu_not_ours(&a), "no stream"));
}

static void words(void **state)
{
    static const struct {
        const char *line;
        enum emu_word word;
    } cases[] = {
        { "done\n", EMU_DONE },
        { "done", EMU_DONE },
        { "done \n", EMU_OTHER },
        { "abort\n", EMU_ABORT },
        { "aborted\n", EMU_OTHER },
        { "restore:xenguest\n", EMU_RESTORE_XENGUEST },
        { "restore:vgpu\n", EMU_RESTORE },
        { "restore:xenguest2\n", EMU_RESTORE },
        { "prepare:xenguest\n", EMU_PREPARE_XENGUEST },
        { "prepare:vgpu\n", EMU_ASK },
        { "suspend:\n", EMU_ASK },
        { "result:0 0\n", EMU_RESULT },
        { "result:vgpu\n", EMU_RESULT },
        { "result:xenguest 1044476 1044479\n", EMU_RESULT_XENGUEST },
        { "error:\n", EMU_ERROR },
        { "error:xenguest Invalid argument\n", EMU_ERROR },
        { "info:error: not one\n", EMU_OTHER },
        { "info:\\b\\b\\b\\b99\n", EMU_OTHER },
        { "\n", EMU_OTHER },
        { "", EMU_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (emu_word(cases[i].line, strlen(cases[i].line)) != cases[i].word) {
            fail_msg("%s is %d", cases[i].line, emu_word(cases[i].line, strlen(cases[i].line)));
        }
    }
}

static struct emu_way *new_way(int fds[2])
{
    struct emu_way *way = calloc(1, sizeof(*way));

    assert_non_null(way);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    way->from = fds[0];
    way->to = fds[1];
    return way;
}

static void feed(struct emu_way *way, const char *text)
{
    assert_int_equal(write(way->to, text, strlen(text)), strlen(text));
    while (way->in_len < sizeof(way->in) && emu_way_read(way)) {
    }
}

static void assert_next(struct emu_way *way, enum emu_word word, const char *text)
{
    enum emu_word is;
    size_t len = emu_way_next(way, &is);

    assert_int_equal(len, strlen(text));
    assert_memory_equal(way->in, text, len);
    assert_int_equal(is, word);
    emu_way_drop(way, len);
}

static void in_pieces(void **state)
{
    struct emu_way *way;
    enum emu_word word;
    int fds[2];

    (void)state;
    way = new_way(fds);
    feed(way, "do");
    assert_int_equal(emu_way_next(way, &word), 0);
    feed(way, "ne\nrestore:vgpu\nab");
    assert_next(way, EMU_DONE, "done\n");
    assert_false(emu_way_aborted(way));
    feed(way, "ort\n");
    assert_true(emu_way_aborted(way)); /* behind a line that waits */
    assert_next(way, EMU_RESTORE, "restore:vgpu\n");
    assert_next(way, EMU_ABORT, "abort\n");
    assert_false(emu_way_aborted(way));
    /* The last line may lack its end: OCaml's input_line takes it all the same. */
    feed(way, "error:half");
    assert_int_equal(emu_way_next(way, &word), 0);
    close(fds[1]);
    assert_false(emu_way_read(way));
    assert_true(way->ended);
    assert_next(way, EMU_ERROR, "error:half");
    assert_int_equal(emu_way_next(way, &word), 0);
    close(fds[0]);
    free(way);
}

/* Memory stays what it is, the bytes are the same, and words inside a line are none. */
static void too_long(void **state)
{
    char line[EMU_IN_MAX + 7];
    struct emu_way *way;
    enum emu_word word;
    int fds[2];
    size_t len;

    (void)state;
    way = new_way(fds);
    memset(line, 'x', sizeof(line));
    memcpy(line, "error:", 6);
    memcpy(line + EMU_IN_MAX, "abort\n", 7);
    feed(way, line);
    len = emu_way_next(way, &word);
    assert_int_equal(len, EMU_IN_MAX);
    assert_int_equal(word, EMU_ERROR);
    emu_way_drop(way, len);
    assert_true(emu_way_read(way));
    assert_false(emu_way_aborted(way));
    assert_next(way, EMU_OTHER, "abort\n");
    feed(way, "abort\n");
    assert_true(emu_way_aborted(way));
    assert_next(way, EMU_ABORT, "abort\n");
    close(fds[0]);
    close(fds[1]);
    free(way);
}

/* A reader that does not read stops the writer, as a pipe would; one that is gone stops nobody. */
static void slow_reader(void **state)
{
    char piece[EMU_IN_MAX];
    struct emu_way *way;
    size_t put = 0, got = 0;
    int fds[2];

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    way = new_way(fds);
    memset(piece, 'y', sizeof(piece));
    while (emu_way_room(way)) {
        assert_true(emu_way_put(way, piece, sizeof(piece)));
        put += sizeof(piece);
        emu_way_write(way);
        assert_true(put < (1u << 20));
    }
    assert_true(emu_way_put(way, "info:ours\n", 10)); /* there is always room for us */
    assert_false(emu_way_put(way, piece, sizeof(way->out)));
    put += 10;
    while (got < put) {
        ssize_t r = read(fds[0], piece, sizeof(piece));

        assert_true(r > 0);
        got += (size_t)r;
        emu_way_write(way);
    }
    assert_int_equal(way->out_len, 0);
    close(fds[0]);
    assert_true(emu_way_put(way, "gone\n", 5));
    emu_way_write(way);
    assert_int_equal(way->to, -1);
    assert_int_equal(way->out_len, 0);
    assert_true(emu_way_put(way, "gone\n", 5));
    assert_int_equal(way->out_len, 0);
    assert_true(emu_way_room(way));
    free(way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_xenopsd_says),
        cmocka_unit_test(every_form),
        cmocka_unit_test(unknown_is_passed_over),
        cmocka_unit_test(too_little),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(words),
        cmocka_unit_test(in_pieces),
        cmocka_unit_test(too_long),
        cmocka_unit_test(slow_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
