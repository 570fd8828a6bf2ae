/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables on a screen: names of every script in 80 and in 40 columns, and never one too wide. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/width.h"
#include "report/table.h"

static void widths(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        { "", 0 },
        { "web1", 4 },
        { "b\u00fcro", 4 },
        { "bu\u0308ro", 4 }, /* the same with a mark of its own */
        { "\u6570\u636e\u5e93", 6 },
        { "\ud55c\uad6d\uc5b4", 6 },
        { "\u1112\u1161\u11ab", 2 }, /* one syllable of three letters */
        { "\uff21\uff22", 4 },
        { "\u0928\u092e\u0938\u094d\u0924\u0947", 4 },
        { "a\u200bb", 2 },
        { "\U0001f600", 2 },
        { "\U00020000", 2 },
        { "\xff\xfe", 2 }, /* no UTF-8 */
        { "\u2026", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (exclaim_width(cases[i].text) != cases[i].width) {
            fail_msg("\"%s\": %zu, not %zu", cases[i].text, exclaim_width(cases[i].text),
                     cases[i].width);
        }
    }
}

static const char *const names[] = {
    "web1",
    "\u6570\u636e\u5e93\u670d\u52a1\u5668\u4e3b\u8981\u8282\u70b9\u751f\u4ea7\u73af\u5883\u4e00",
    "bu\u0308ro-o\u0308stlich-mit-einem-sehr-langen-namen-der-nicht-aufho\u0308rt",
    "\u0928\u092e\u0938\u094d\u0924\u0947-\u0926\u0941\u0928\u093f\u092f\u093e",
};

/* As plans have them: names, a number, a word; @why: with a sentence behind. */
static char *table(size_t columns, bool why)
{
    static const char *const head[] = {
        ">WAVE", "VM", "FROM", "TO", ">SIZE", "!SHAPE", "~WHY", NULL
    };
    static const char *const short_head[] = {
        ">WAVE", "VM", "FROM", "TO", ">SIZE", "!SHAPE", NULL
    };
    struct table t;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    assert_int_equal(table_init(&t, why ? head : short_head), 0);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        table_cell(&t, "%zu", i + 1);
        table_cell(&t, "%s", names[i]);
        table_cell(&t, "%s", names[(i + 1) % ARRAY_SIZE(names)]);
        table_cell(&t, "host%zu", i);
        table_cell(&t, "%s", exclaim_size(1572864).text);
        table_cell(&t, "same");
        if (why) {
            table_cell(&t, "needs 6 GiB and finds no node of the host that has as much to give");
        }
    }
    table_print_within(&t, f, columns);
    table_free(&t);
    fclose(f);
    return text;
}

/* Every line is within @columns; each cell begins where its head does. */
static void assert_whole(const char *text, size_t columns, bool stacked)
{
    size_t vm_at = 0, shape_at = 0, nr = 0;

    while (*text) {
        const size_t len = strcspn(text, "\n");
        char line[1024];

        snprintf(line, sizeof(line), "%.*s", (int)len, text);
        if (exclaim_width(line) > columns) {
            fail_msg("%zu columns, not %zu: %s", exclaim_width(line), columns, line);
        }
        if (!nr && !stacked) {
            vm_at = (size_t)(strstr(line, "VM") - line);
            shape_at = (size_t)(strstr(line, "SHAPE") - line);
        } else if (!stacked && strstr(line, "same")) {
            const size_t before = (size_t)(strstr(line, "same") - line);

            assert_int_equal(exclaim_width_of(line, before), shape_at);
            assert_int_equal(line[exclaim_width_bytes(line, vm_at) - 1], ' ');
        }
        text += len + 1;
        nr++;
    }
    assert_true(nr > ARRAY_SIZE(names));
}

static void eighty_columns(void **state)
{
    char *text = table(80, false);

    (void)state;
    assert_whole(text, 80, false);
    assert_non_null(strstr(text, "web1"));
    assert_non_null(strstr(text, "\u2026"));
    assert_non_null(strstr(text, "6 GiB"));
    free(text);
    text = table(80, true);
    assert_whole(text, 80, false);
    assert_non_null(strstr(text, " give")); /* no word of a reason is lost */
    free(text);
}

static void forty_columns(void **state)
{
    char *text = table(40, false);

    (void)state;
    assert_whole(text, 40, true);
    free(text);
    text = table(40, true); /* row by row: nothing is cut any more */
    assert_whole(text, 40, true);
    assert_non_null(strstr(text, "WAVE   1"));
    assert_null(strstr(text, "\u2026"));
    free(text);
}

/* Nothing is touched that is narrow enough, and with no limit nothing at all. */
static void wide(void **state)
{
    char *text = table(SIZE_MAX, true);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_non_null(strstr(text, names[i]));
    }
    assert_null(strstr(text, "\u2026"));
    free(text);
}

/* Cut at every width: whole characters, and what is said is never wider. */
static void every_width(void **state)
{
    (void)state;
    for (size_t columns = 20; columns < 200; columns++) {
        for (int why = 0; why < 2; why++) {
            char *text = table(columns, why);

            assert_whole(text, columns, true);
            assert_null(strstr(text, "\ufffd"));
            for (const char *s = text; *s;) {
                uint32_t n;
                const size_t len = exclaim_utf8(s, &n);

                assert_true(len);
                s += len;
            }
            free(text);
        }
    }
}

/* The lines of two long names in @columns. */
static void two_names(const char *one, const char *other, size_t columns, char *text, size_t size)
{
    static const char *const head[] = { ">WAVE", "VM", "TO", "+NODES", ">SIZE", NULL };
    struct table t;
    FILE *f = fmemopen(text, size, "w");

    assert_non_null(f);
    assert_int_equal(table_init(&t, head), 0);
    for (int i = 0; i < 2; i++) {
        table_cell(&t, "1");
        table_cell(&t, "%s", i ? other : one);
        table_cell(&t, "xenserver-rack-07-host-%d", i);
        table_cell(&t, "0>0 1>1 2>2 3>3 4>4 5>5 6>6 7>%d", 7 + i);
        table_cell(&t, "6 GiB");
    }
    table_print_within(&t, f, columns);
    table_free(&t);
    fclose(f);
}

/* Two names never look like one: cut in the middle, or row by row where that is not enough. */
static void names_that_begin_alike(void **state)
{
    char text[2048];

    (void)state;
    two_names("production-database-server-01", "production-database-server-02", 60, text,
              sizeof(text));
    assert_non_null(strstr(text, "r-01 "));
    assert_non_null(strstr(text, "r-02 "));
    assert_non_null(strstr(text, "host-0 "));
    assert_non_null(strstr(text, "host-1 "));
    assert_non_null(strstr(text, "0>0 1>1")); /* what is no name is cut at its end */
    two_names("production-database-server-01-of-the-pool",
              "production-database-server-02-of-the-pool", 60, text, sizeof(text));
    assert_non_null(strstr(text, "VM     production-database-server-01-of-the-pool\n"));
    assert_non_null(strstr(text, "VM     production-database-server-02-of-the-pool\n"));
    /* Two rows of one VM, and those that differ where they are not cut. */
    two_names("production-database-server-01", "production-database-server-01", 60, text,
              sizeof(text));
    assert_non_null(strstr(text, "production"));
    assert_null(strstr(text, "r-01 "));
}

static void sizes(void **state)
{
    static const struct {
        uint64_t pages;
        const char *text;
    } cases[] = {
        { 0, "0 KiB" },          { 1, "4 KiB" },
        { 255, "1020 KiB" },     { 256, "1 MiB" },
        { 300, "1.2 MiB" },      { 512 * 256, "512 MiB" },
        { 262143, "1.00 GiB" }, /* not quite */
        { 262144, "1 GiB" },     { 6 * 262144 + 13000, "6.05 GiB" },
        { 1ull << 28, "1 TiB" }, { 1ull << 40, "4 PiB" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(exclaim_size(cases[i].pages).text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),
        cmocka_unit_test(eighty_columns),
        cmocka_unit_test(forty_columns),
        cmocka_unit_test(wide),
        cmocka_unit_test(every_width),
        cmocka_unit_test(sizes),
        cmocka_unit_test(names_that_begin_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
