/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verbs say of a layout: `verify` against a record, `status`. */
#include "../unit/support.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"

#define REGION EXCLAIM_PAGES_2M
#define EACH   ((uint64_t)REGION) /* pages on each of two nodes */

#define MORE   100u
#define MAPPED "count_ms_max = 60000\n"

static char dir[64], path[96], record[96], lock_dir[96];

/* One domain for each way its nodes alternate: each the same pages per node. */
enum { BY_REGION = 1, BY_REGION_TOO, BY_HALF_REGION, GROWN };

static int setup(void **state)
{
    const struct model_config config = { .generation = MODEL_4_17,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 100000 }, { .pages = 100000 } },
                                         .dom0_vcpus = 4 };
    struct model *m;
    int lock;

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    snprintf(record, sizeof(record), "%s/record", dir);
    snprintf(lock_dir, sizeof(lock_dir), "%s/lock", dir);
    assert_int_equal(host_create(path, &config), 0);
    m = host_lock(path, &lock);
    assert_non_null(m);
    for (uint32_t domid = BY_REGION; domid <= GROWN; domid++) {
        struct model_domain_config domain = { .hvm = true, .nr_vcpus = 1 };
        const uint64_t more = domid == GROWN ? MORE : 0;

        domain.uuid[0] = (uint8_t)domid;
        assert_int_equal(model_create(m, domid, &domain), 0);
        assert_int_equal(model_set_max(m, domid, 3 * EACH), 0);
        assert_int_equal(model_populate(m, domid, EACH, 0, MODEL_MEMF_EXACT_NODE(1)), EACH);
        assert_int_equal(model_populate(m, domid, EACH + more, 0, MODEL_MEMF_EXACT_NODE(0)),
                         EACH + more);
        assert_int_equal(
            model_set_frames(m, domid, domid == BY_HALF_REGION ? REGION / 2 : REGION, 0, 0), 0);
    }
    host_unlock(path, m, lock);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drop_dir(dir);
    return 0;
}

/* What it prints; @config: further lines of exclaim.conf. */
static char *exclaim(int exit, const char *config, const char *const *argv)
{
    char conf[96], model[128], text[512];
    const char *const env[] = { conf, model, NULL };
    struct run r = { .argv = argv, .env = env };

    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(model, sizeof(model), HOST_ENV "=%s", path);
    snprintf(text, sizeof(text), "lock_dir = %s\nheadroom_pages = 0\nreport_file = %s/reports\n%s",
             lock_dir, dir, config);
    put_text(strchr(conf, '=') + 1, text);
    return run_out(&r, exit);
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("no \"%s\" in %s", words, text);
    }
}

/* A row of a table: spaces as one, a cell @domid and behind it @rest. */
static void assert_row(const char *text, const char *domid, const char *rest)
{
    char words[64], *copy = strdup(text), *to = copy;

    assert_non_null(copy);
    for (const char *c = text; *c; c++) {
        if (*c != ' ' || (c[1] != ' ' && c[1] != '\n')) {
            *to++ = *c;
        }
    }
    *to = '\0';
    snprintf(words, sizeof(words), "%s %s", domid, rest);
    if (!strstr(copy, words)) {
        fail_msg("no row \"%s\" in %s", words, copy);
    }
    free(copy);
}

static uint64_t number(json_object *o, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(o, key, &value)) {
        fail_msg("no %s in %s", key, json_object_to_json_string(o));
    }
    return (uint64_t)json_object_get_int64(value);
}

static void take_record(const char *config)
{
    const char *const count[] = { program("EXCLAIM_BIN"), "count", "1", "--record", record, NULL };

    free(exclaim(0, config, count));
}

static void verified(void **state)
{
    static const struct {
        const char *domid;
        int exit;
        uint64_t pages, moved;
    } cases[] = {
        { "1", 0, 2 * EACH, 0 },
        { "2", 0, 2 * EACH, 0 },
        { "3", 0, 2 * EACH, EACH },
        { "4", 3, 2 * EACH + MORE, 0 },
    };

    (void)state;
    take_record(MAPPED);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *argv[] = {
            program("EXCLAIM_BIN"), "verify", cases[i].domid, "--record", record, "--json", NULL
        };
        char line[200], *text = exclaim(cases[i].exit, MAPPED, argv);
        json_object *o = json_tokener_parse(text), *layout;
        uint64_t kept, moved, unlisted;

        assert_true(json_object_object_get_ex(o, "layout", &layout));
        kept = number(layout, "kept_pages");
        moved = number(layout, "moved_pages");
        unlisted = number(layout, "unlisted_pages");
        assert_int_equal(kept + moved + unlisted, cases[i].pages);
        if (cases[i].exit) {
            assert_true(moved + unlisted > 0); /* what has come since has no place in it */
        } else {
            assert_int_equal(moved, cases[i].moved);
            assert_int_equal(unlisted, 0);
        }
        json_object_put(o);
        free(text);
        argv[5] = NULL;
        text = exclaim(cases[i].exit, MAPPED, argv);
        snprintf(line, sizeof(line),
                 "\nlayout: %s (%" PRIu64 " pages) on their node, %s (%" PRIu64 ") on another, "
                 "%s (%" PRIu64 ") of frames that it does not have\n",
                 exclaim_size(kept).text, kept, exclaim_size(moved).text, moved,
                 exclaim_size(unlisted).text, unlisted);
        assert_says(text, line);
        free(text);
    }
}

static void not_compared(void **state)
{
    static const char console[] = "count_ms_max = 0\ncount_console_max_pages = 1000000\n";
    const char *argv[] = { program("EXCLAIM_BIN"), "verify", "1", "--record", record, NULL, NULL };
    json_object *o, *layout, *why;
    char *text;

    (void)state;
    /* The record has one, and the pages are counted by console. */
    take_record(MAPPED);
    text = exclaim(0, console, argv);
    assert_says(text,
                "\nlayout not compared: counted by console, which tells no frames of pages\n");
    free(text);
    /* The record has none, and says why. */
    take_record(console);
    argv[5] = "--json";
    text = exclaim(0, MAPPED, argv);
    o = json_tokener_parse(text);
    assert_true(json_object_object_get_ex(o, "layout", &layout));
    assert_true(json_object_object_get_ex(layout, "why", &why));
    assert_false(json_object_object_get_ex(layout, "kept_pages", NULL));
    assert_says(json_object_get_string(why), "counted by console");
    json_object_put(o);
    free(text);
}

/* The ledger's entry counts as the placing process goes on; a report has the end. */
static void in_status(void **state)
{
    const char *argv[] = { program("EXCLAIM_BIN"), "status", NULL, NULL };
    const struct exclaim_match match = { .nr_nodes = 2,
                                         .pages = { EACH, EACH },
                                         .total_pages = 2 * EACH };
    static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 9 };
    struct exclaim_ledger_entry *e;
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };
    char *text, reports[96];
    uint32_t slot;

    (void)state;
    assert_int_equal(exclaim_ledger_open(lock_dir, &ledger, &err), 0);
    assert_int_equal(exclaim_ledger_lock(ledger, 0, &err), 0);
    assert_int_equal(exclaim_ledger_add(ledger, BY_REGION, uuid, &match, EXCLAIM_GUARANTEE_HOST,
                                        true, &slot, &err),
                     0);
    exclaim_ledger_unlock(ledger);
    e = exclaim_ledger_at(ledger, slot);
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    put_text(reports, "{\"role\":\"destination\",\"outcome\":\"done\",\"domid\":3,"
                      "\"deviation_pages\":7,"
                      "\"layout\":{\"kept_pages\":1536,\"moved_pages\":512}}\n"
                      "{\"role\":\"destination\",\"outcome\":\"done\",\"domid\":4,"
                      "\"deviation_pages\":8,"
                      "\"layout\":{\"why\":\"the source sent no layout\"}}\n");
    for (uint32_t by_frame = 0; by_frame < 2; by_frame++) {
        json_object *o, *list, *item, *layout;

        atomic_store(&e->by_frame, by_frame);
        atomic_store(&e->kept, 768);
        atomic_store(&e->moved, 256);
        argv[2] = NULL;
        text = exclaim(0, "", argv);
        assert_row(text, "1", by_frame ? "3 MiB 1 MiB " : "- - ");
        assert_row(text, "1", "0 0 KiB 2 MiB 0 0 0\n"); /* of node 0 */
        assert_row(text, "3", "28 KiB 6 MiB 2 MiB -\n");
        assert_row(text, "4", "32 KiB - - -\n");
        free(text);
        argv[2] = "--json";
        text = exclaim(0, "", argv);
        o = json_tokener_parse(text);
        assert_true(json_object_object_get_ex(o, "migrations", &list));
        item = json_object_array_get_idx(list, 0);
        assert_int_equal(json_object_object_get_ex(item, "layout", &layout), by_frame);
        if (by_frame) {
            assert_int_equal(number(layout, "kept_pages"), 768);
            assert_int_equal(number(layout, "moved_pages"), 256);
        }
        assert_true(json_object_object_get_ex(o, "reports", &list));
        item = json_object_array_get_idx(list, 0);
        assert_true(json_object_object_get_ex(item, "layout", &layout));
        assert_int_equal(number(layout, "kept_pages"), 1536);
        assert_int_equal(number(layout, "moved_pages"), 512);
        json_object_put(o);
        free(text);
    }
    exclaim_ledger_remove(ledger, slot);
    exclaim_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verified),
        cmocka_unit_test(not_compared),
        cmocka_unit_test(in_status),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
