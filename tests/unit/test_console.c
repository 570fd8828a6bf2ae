/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of debug key u: files xen-*.txt are what real hosts printed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xen/console.h"

#define NODES(nr) (~0ull >> (64 - (nr)))

#define HEADER "(XEN) 'u' pressed -> dumping numa info (now = 1)\n"
#define NODE_LINES                                                                                 \
    "(XEN) NODE0 start->0 size->393216 free->354806\n"                                             \
    "(XEN) NODE1 start->393216 size->917504 free->250040\n"                                        \
    "(XEN) CPU0 -> NODE0\n"                                                                        \
    "(XEN) Memory location of each domain:\n"
#define DOM0 "(XEN) d0 (total: 30):\n(XEN)     Node 0: 10\n(XEN)     Node 1: 20\n"
#define DOM1 "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n(XEN)     Node 1: 4\n"

struct data_file {
    char *text;
    size_t len;
};

static struct data_file read_data(const char *name)
{
    struct data_file file = { 0 };
    char path[512];
    FILE *stream;
    long size;

    snprintf(path, sizeof(path), "%s/console/%s", TEST_DATA, name);
    stream = fopen(path, "re");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    size = ftell(stream);
    assert_true(size > 0);
    rewind(stream);
    file.len = (size_t)size;
    file.text = malloc(file.len);
    assert_non_null(file.text);
    assert_int_equal(fread(file.text, 1, file.len, stream), file.len);
    fclose(stream);
    return file;
}

/* The bytes in a block of just that size, so that a sanitizer sees every read beyond. */
static bool parse(const char *text, size_t len, uint32_t domid, uint64_t online,
                  struct xen_console_count *count, char why[96])
{
    char *copy = malloc(len ? len : 1);
    bool ok;

    assert_non_null(copy);
    memcpy(copy, text, len);
    ok = xen_console_parse(copy, len, domid, online, count, why, 96);
    free(copy);
    assert_true(ok == (why[0] == '\0'));
    return ok;
}

struct real_case {
    const char *file;
    uint32_t domid;
    unsigned int nodes;
    uint64_t total;
    uint64_t pages[4];
};

static const struct real_case real_cases[] = {
    { "xen-4.17.txt", 0, 2, 131072, { 22926, 108146 } },
    { "xen-4.17.txt", 1, 2, 20496, { 8497, 11999 } },
    { "xen-4.17.txt", 2, 2, 20480, { 5000, 15480 } },
    { "xen-4.20.txt", 0, 2, 131072, { 22922, 108150 } },
    { "xen-4.20.txt", 1, 2, 20494, { 8495, 11999 } },
    { "xen-4.20.txt", 2, 2, 20480, { 5000, 15480 } },
    { "xen-4.17-4-nodes.txt", 1, 4, 25600, { 5000, 10267, 3333, 7000 } },
    { "xen-4.17-4-nodes.txt", 2, 4, 20496, { 1111, 0, 15386, 3999 } },
    { "made-xs9-vnuma.txt", 0, 2, 131072, { 22922, 108150 } },
    { "made-xs9-vnuma.txt", 12, 2, 25616, { 8616, 17000 } },
};

static void assert_count(const struct xen_console_count *count, const struct real_case *c)
{
    assert_int_equal(count->total, c->total);
    for (unsigned int i = 0; i < EXCLAIM_NODES_MAX; i++) {
        assert_int_equal(count->pages[i], i < c->nodes ? c->pages[i] : 0);
    }
}

static void test_real_dumps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(real_cases) / sizeof(real_cases[0]); i++) {
        const struct real_case *c = &real_cases[i];
        struct data_file file = read_data(c->file);
        struct xen_console_count count;
        char why[96];

        if (!parse(file.text, file.len, c->domid, NODES(c->nodes), &count, why)) {
            fail_msg("%s, domain %u: %s", c->file, c->domid, why);
        }
        assert_count(&count, c);
        free(file.text);
    }
}

/* A part of a dump gives nothing, or exactly what the whole dump gives. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(real_cases) / sizeof(real_cases[0]); i++) {
        const struct real_case *c = &real_cases[i];
        struct data_file file = read_data(c->file);
        struct xen_console_count count;
        size_t used = 0;
        char why[96];

        for (size_t cut = 0; cut <= file.len; cut++) {
            if (parse(file.text, cut, c->domid, NODES(c->nodes), &count, why)) {
                assert_count(&count, c);
                used++;
            }
            if (cut > 0) {
                assert_false(
                    parse(file.text + cut, file.len - cut, c->domid, NODES(c->nodes), &count, why));
            }
        }
        assert_true(used > 0);
        free(file.text);
    }
}

/* The same with a byte missing, and with every byte flipped: a wrong number must not pass for
 * exact. Two nodes' numbers are never changed at once, so their sum gives each change away. */
static void test_damaged_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(real_cases) / sizeof(real_cases[0]); i++) {
        const struct real_case *c = &real_cases[i];
        struct data_file file = read_data(c->file);
        struct xen_console_count count;
        char why[96];

        for (size_t at = 0; at < file.len; at++) {
            char kept = file.text[at];

            file.text[at] = (char)(kept ^ 1);
            if (parse(file.text, file.len, c->domid, NODES(c->nodes), &count, why)) {
                assert_count(&count, c);
            }
            file.text[at] = '\n';
            if (parse(file.text, file.len, c->domid, NODES(c->nodes), &count, why)) {
                assert_count(&count, c);
            }
            file.text[at] = kept;
        }
        free(file.text);
    }
}

struct text_case {
    const char *name;
    const char *text;
    uint32_t domid;
    uint64_t online;
    const char *why; /* a part of the reason, or NULL: total 7, nodes 3 and 4 */
};

static const struct text_case text_cases[] = {
    { "plain", HEADER NODE_LINES DOM0 DOM1, 1, NODES(2), NULL },
    { "4.17 words",
      HEADER NODE_LINES "(XEN) Domain 1 (total: 7):\n(XEN)     Node 0: 3\n"
                        "(XEN)     Node 1: 4\n",
      1, NODES(2), NULL },
    { "nothing", "", 1, NODES(2), "no dump" },
    { "no newline", "(XEN) d1", 1, NODES(2), "no dump" },
    { "header lost", NODE_LINES DOM0 DOM1, 1, NODES(2), "no dump" },
    { "header cut at the front", "'u' pressed -> dumping numa info (now = 1)\n" DOM1, 1, NODES(2),
      "no dump" },
    { "other domains only", HEADER NODE_LINES DOM0, 1, NODES(2), "does not show domain 1" },
    { "longer id", HEADER NODE_LINES DOM0 DOM1, 11, NODES(2), "does not show domain 11" },
    { "id that only begins alike",
      HEADER "(XEN) d11 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "does not show" },
    { "id beyond 32 bits",
      HEADER "(XEN) d4294967297 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "does not show" },
    { "last node not yet there", HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n", 1, NODES(2),
      "lacks node 1" },
    { "first node missing", HEADER "(XEN) d1 (total: 4):\n(XEN)     Node 1: 4\n", 1, NODES(2),
      "lacks node 0" },
    { "node of zero pages missing", HEADER "(XEN) d1 (total: 3):\n(XEN)     Node 0: 3\n", 1,
      NODES(2), "lacks node 1" },
    { "last line without its end",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 1: 4",
      1, NODES(2), "lacks node 1" },
    { "node twice", HEADER DOM1 "(XEN)     Node 1: 4\n", 1, NODES(2), "mixed" },
    { "domain twice", HEADER DOM1 DOM0 DOM1, 1, NODES(2), "mixed" },
    { "node that is not online", HEADER DOM1, 1, NODES(1), "not online" },
    { "node beyond all", HEADER DOM1 "(XEN)     Node 64: 0\n", 1, NODES(2), "not online" },
    { "node number beyond 32 bits", HEADER DOM1 "(XEN)     Node 4294967296: 0\n", 1, NODES(2),
      "impossible" },
    { "holes between nodes",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 5: 4\n",
      1, 0x21, "" },
    { "sum too small", HEADER "(XEN) d1 (total: 8):\n(XEN)     Node 0: 3\n(XEN)     Node 1: 4\n", 1,
      NODES(2), "add up to 7, its total is 8" },
    { "sum too large", HEADER "(XEN) d1 (total: 6):\n(XEN)     Node 0: 3\n(XEN)     Node 1: 4\n", 1,
      NODES(2), "add up to 7, its total is 6" },
    { "pages beyond 64 bits",
      HEADER "(XEN) d1 (total: 7):\n"
             "(XEN)     Node 0: 18446744073709551619\n(XEN)     Node 1: 4\n",
      1, NODES(2), "impossible" },
    { "total beyond 64 bits",
      HEADER "(XEN) d1 (total: 18446744073709551623):\n"
             "(XEN)     Node 0: 3\n(XEN)     Node 1: 4\n",
      1, NODES(2), "impossible" },
    { "more pages than any host",
      HEADER "(XEN) d1 (total: 1099511627777):\n"
             "(XEN)     Node 0: 1099511627777\n(XEN)     Node 1: 0\n",
      1, NODES(2), "impossible" },
    { "negative", HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: -3\n(XEN)     Node 1: 4\n", 1,
      NODES(2), "lacks node 0" },
    { "no number", HEADER "(XEN) d1 (total: ):\n(XEN)     Node 0: 3\n(XEN)     Node 1: 4\n", 1,
      NODES(2), "does not show" },
    { "something behind the number",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3 4\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "lacks node 0" },
    { "foreign lines between",
      HEADER NODE_LINES DOM0 "(XEN) d5v0 Unhandled: vec 14\n"
                             "(XEN) d1 (total: 7):\n(XEN) printk: 3 messages suppressed.\n"
                             "(d5) hello\n\n(XEN)     Node 0: 3\n(XEN) x\n(XEN)     Node 1: 4\n",
      1, NODES(2), NULL },
    { "fragment in front of a node",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN) grant_table.c:(XEN)     Node 1: 4\n",
      1, NODES(2), "lacks node 1" },
    { "fragment behind a node",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3d5 says\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "lacks node 0" },
    { "guest prints a dump",
      HEADER NODE_LINES DOM0 "(d1) (XEN) d1 (total: 7):\n"
                             "(d1) (XEN)     Node 0: 3\n(d1) (XEN)     Node 1: 4\n",
      1, NODES(2), "does not show" },
    { "guest prints a header",
      HEADER NODE_LINES DOM0 "(d1) 'u' pressed -> dumping numa info\n" DOM1, 1, NODES(2), NULL },
    { "guest prints a node",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(d1)     Node 1: 4\n",
      1, NODES(2), "lacks node 1" },
    { "dom0 prints without a prefix", HEADER "d1 (total: 7):\n    Node 0: 3\n    Node 1: 4\n", 1,
      NODES(2), "does not show" },
    { "two dumps, the last counts",
      HEADER "(XEN) d1 (total: 9):\n(XEN)     Node 0: 5\n"
             "(XEN)     Node 1: 4\n" HEADER NODE_LINES DOM0 DOM1,
      1, NODES(2), NULL },
    { "two dumps, the last is cut", HEADER NODE_LINES DOM0 DOM1 HEADER NODE_LINES DOM0, 1, NODES(2),
      "does not show" },
    { "two dumps, line by line",
      HEADER HEADER "(XEN) d1 (total: 7):\n(XEN) d1 (total: 7):\n"
                    "(XEN)     Node 0: 3\n(XEN)     Node 0: 3\n"
                    "(XEN)     Node 1: 4\n(XEN)     Node 1: 4\n",
      1, NODES(2), "mixed" },
    { "second header inside the block",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n" HEADER "(XEN)     Node 1: 4\n", 1,
      NODES(2), "does not show" },
    { "another domain's nodes inside",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN) d2 (total: 4):\n(XEN)     Node 1: 4\n",
      1, NODES(2), "lacks node 1" },
    { "stamp by seconds",
      "(XEN) [    1.000001] 'u' pressed -> dumping numa info (now = 1)\n"
      "(XEN) [    1.000002] d1 (total: 7):\n(XEN) [   12.3]     Node 0: 3\n"
      "(XEN) [123456.789012]     Node 1: 4\n",
      1, NODES(2), NULL },
    { "stamp by date",
      "(XEN) [2026-11-22 02:02:03] 'u' pressed -> dumping numa info (now = 1)\n"
      "(XEN) [2026-11-22 02:02:03] d1 (total: 7):\n"
      "(XEN) [2026-11-22 02:02:03.123]     Node 0: 3\n"
      "(XEN) [2026-11-22 02:02:03.124]     Node 1: 4\n",
      1, NODES(2), NULL },
    { "raw stamp",
      "(XEN) [0000001a2b3c4d5e] 'u' pressed -> dumping numa info (now = 1)\n"
      "(XEN) [0000001a2b3c4d5f] d1 (total: 7):\n"
      "(XEN) [0000001a2b3c4d60]     Node 0: 3\n"
      "(XEN) [ffffffffffffffff]     Node 1: 4\n",
      1, NODES(2), NULL },
    { "as a serial port has it",
      "(XEN) 'u' pressed -> dumping numa info (now = 1)\r\n(XEN) d1 (total: 7):\r\n"
      "(XEN)     Node 0: 3\r\r\n(XEN)     Node 1: 4\r\n",
      1, NODES(2), NULL },
    { "a return inside a line",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\r\n"
             "(XEN)     Node 1: 4\r0\n",
      1, NODES(2), "lacks node 1" },
    { "letters that are no raw stamp",
      HEADER "(XEN) [00001a2b3c4d5e] d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "does not show" },
    { "no stamp in brackets",
      HEADER "(XEN) [d1v0] d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)     Node 1: 4\n",
      1, NODES(2), "does not show" },
    { "wrong number of blanks",
      HEADER "(XEN) d1 (total: 7):\n(XEN)     Node 0: 3\n"
             "(XEN)      Node 1: 4\n",
      1, NODES(2), "lacks node 1" },
    { "node without pages",
      HEADER "(XEN) d1 (total: 0):\n(XEN)     Node 0: 0\n"
             "(XEN)     Node 1: 0\n",
      1, NODES(2), "" },
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(text_cases) / sizeof(text_cases[0]); i++) {
        const struct text_case *c = &text_cases[i];
        struct xen_console_count count;
        char why[96];
        bool ok = parse(c->text, strlen(c->text), c->domid, c->online, &count, why);

        if (!c->why || !*c->why) {
            if (!ok) {
                fail_msg("%s: %s", c->name, why);
            }
            if (!c->why) {
                assert_int_equal(count.total, 7);
                assert_int_equal(count.pages[0], 3);
                assert_int_equal(count.pages[1], 4);
            }
        } else if (ok || !strstr(why, c->why)) {
            fail_msg("%s: got '%s', not '%s'", c->name, ok ? "a count" : why, c->why);
        }
    }
}

/* XenServer 9's key prints counters that include extra pages: the sum is not the total. */
static void test_extra_page(void **state)
{
    struct data_file file = read_data("made-xs9-vnuma.txt");
    struct xen_console_count count;
    char why[96];

    (void)state;
    assert_false(parse(file.text, file.len, 1, NODES(2), &count, why));
    assert_string_equal(why, "the dump's nodes add up to 20495, its total is 20494");
    free(file.text);
}

static void test_zero_bytes(void **state)
{
    static const char text[] = HEADER "(XEN) d1 (total: 7):\n\0(XEN)     Node 0: 3\n"
                                      "(XEN)     Node 1: 4\n";
    struct xen_console_count count;
    char why[96];

    (void)state;
    assert_false(parse(text, sizeof(text) - 1, 1, NODES(2), &count, why));
    assert_string_equal(why, "the dump lacks node 0 of domain 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_dumps),       cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_damaged_anywhere), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_extra_page),       cmocka_unit_test(test_zero_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
