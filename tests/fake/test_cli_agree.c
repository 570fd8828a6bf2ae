/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verbs of one host print for people and as JSON: nothing is known to one output alone. */
#include "../unit/support.h"

#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/text.h"
#include "host.h"
#include "report/print.h"
#include "reserve/ledger.h"
#include "reserve/ledger_map.h"
#include "session/report.h"

#define REGION     EXCLAIM_PAGES_2M
#define ON_0       (uint64_t)(3 * REGION)
#define ON_1       (uint64_t)(5 * REGION)
#define HOUR       INT64_C(3600000)
#define ALPHA      41 /* and not a number that is a node's */
#define BETA       52
#define WORDS_MAX  600
#define WORD_BYTES 128

static char dir[64], path[96], record[96];

static void open_host(enum model_generation generation)
{
    const struct model_config config = { .generation = generation,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 23456 }, { .pages = 34567 } },
                                         .dom0_vcpus = 4 };
    struct model_domain_config domain = { .name = "alpha", .hvm = true, .nr_vcpus = 3 };
    struct model *m;
    int lock;

    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    snprintf(record, sizeof(record), "%s/record", dir);
    assert_int_equal(host_create(path, &config), 0);
    m = host_lock(path, &lock);
    assert_non_null(m);
    domain.uuid[0] = 1;
    assert_int_equal(model_create(m, ALPHA, &domain), 0);
    assert_int_equal(model_set_max(m, ALPHA, 5432), 0);
    assert_int_equal(model_populate(m, ALPHA, ON_0, 0, MODEL_MEMF_EXACT_NODE(0)), ON_0);
    assert_int_equal(model_populate(m, ALPHA, ON_1, 0, MODEL_MEMF_EXACT_NODE(1)), ON_1);
    assert_int_equal(model_set_frames(m, ALPHA, REGION, 0, 0), 0);
    domain = (struct model_domain_config){ .uuid = { 2 }, .name = "beta", .nr_vcpus = 1 };
    assert_int_equal(model_create(m, BETA, &domain), 0);
    assert_int_equal(model_set_max(m, BETA, 777), 0);
    host_unlock(path, m, lock);
}

/* Pages that BETA claims on node 1. */
static void claim_beside(uint64_t pages)
{
    struct model_entry entry = { .pages = pages, .target = 1 };
    uint32_t nr = 1;
    struct model *m;
    int lock;

    m = host_lock(path, &lock);
    assert_non_null(m);
    assert_int_equal(model_domctl_claims(m, MODEL_DOMCTL_SET, BETA, &entry, &nr, 0), 0);
    host_unlock(path, m, lock);
}

static char *exclaim(int exit, const char *const *verb, const char *json)
{
    char conf[96], model[128], hooks[96], text[512];
    const char *argv[16] = { program("EXCLAIM_BIN") };
    /* COLUMNS=0: no cell is broken. */
    const char *const env[] = { conf, model, hooks, "COLUMNS=0", NULL };
    struct run r = { .argv = argv, .env = env };
    size_t nr = 1;

    for (; verb[nr - 1]; nr++) {
        argv[nr] = verb[nr - 1];
    }
    argv[nr] = json;
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(model, sizeof(model), HOST_ENV "=%s", path);
    snprintf(hooks, sizeof(hooks), "EXCLAIM_HOOKS=%s/hooks", dir);
    put_text(strchr(hooks, '=') + 1, "#!/bin/sh\necho 'xl|on|in place'\n");
    assert_int_equal(chmod(strchr(hooks, '=') + 1, 0755), 0);
    snprintf(text, sizeof(text),
             "lock_dir = %s/lock\nheadroom_pages = 97\nreport_file = %s/reports\n"
             "count_ms_max = 60000\n",
             dir, dir);
    put_text(strchr(conf, '=') + 1, text);
    return run_out(&r, exit);
}

/* --- words: what is between spaces and punctuation, a number with its unit --- */

struct words {
    char word[WORDS_MAX][WORD_BYTES];
    size_t nr;
};

static bool is_unit(const char *word)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "s", "min", "h", "days" };

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (!strcmp(word, units[i])) {
            return true;
        }
    }
    return false;
}

static void split(const char *text, struct words *w)
{
    char *copy = strdup(text), *save = NULL;

    assert_non_null(copy);
    w->nr = 0;
    for (char *at = strtok_r(copy, " \n,;:()\"", &save); at;
         at = strtok_r(NULL, " \n,;:()\"", &save)) {
        char *last = w->nr ? w->word[w->nr - 1] : NULL;

        if (last && isdigit((unsigned char)*last) && is_unit(at)) {
            snprintf(last + strlen(last), WORD_BYTES - strlen(last), "_%s", at);
            continue;
        }
        if (!strpbrk(at, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
            continue;
        }
        assert_true(w->nr < WORDS_MAX && strlen(at) < WORD_BYTES - 8);
        snprintf(w->word[w->nr++], WORD_BYTES, "%s", at);
    }
    free(copy);
}

static bool has(const struct words *w, const char *word)
{
    for (size_t i = 0; i < w->nr; i++) {
        if (!strcmp(w->word[i], word)) {
            return true;
        }
    }
    return false;
}

static bool has_all(const struct words *w, const char *text)
{
    static struct words some;

    split(text, &some);
    for (size_t i = 0; i < some.nr; i++) {
        if (!has(w, some.word[i])) {
            return false;
        }
    }
    return true;
}

/* --- the comparison --- */

struct compared {
    struct words text;
    struct words json; /* every way in which a person may be told what is in it */
    const char *verb;
    const char *output;
};

static void may_be_said(struct compared *c, const char *text)
{
    static struct words some;

    split(text, &some);
    for (size_t i = 0; i < some.nr; i++) {
        if (!has(&c->json, some.word[i])) {
            assert_true(c->json.nr < WORDS_MAX);
            memcpy(c->json.word[c->json.nr++], some.word[i], WORD_BYTES);
        }
    }
}

/* What a yes or no is told by.  "": by the other one's words not being there. */
static const struct {
    const char *verb, *parent, *key, *yes, *no;
} told[] = {
    { "count", "", "exact", "", "not exact: " },
    { "header", "", "exact", "", "not exact: " },
    { "verify", "got", "exact", "", "uncertain: " },
    { "verify", "", "exact", " lie as they should", "are not where they should be" },
    { "verify", "", "same", " lie as they should", "are not where they should be" },
    { "host", "nodes", "claimed_known", "claims per node as Xen knows them", "" },
    { "status", "migrations", "process_seen", "  yes   alpha\n", "  no    alpha\n" },
    { "status", "reports", "exact", "  yes  ", "  no  " },
};

/* Which of them were: one that is missing in the JSON is one that it does not know. */
static bool met[ARRAY_SIZE(told)];

static void yes_or_no(const struct compared *c, const char *parent, const char *key, bool value)
{
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        const char *is = value ? told[i].yes : told[i].no,
                   *other = value ? told[i].no : told[i].yes;

        if (!strcmp(told[i].verb, c->verb) && !strcmp(told[i].parent, parent) &&
            !strcmp(told[i].key, key)) {
            met[i] = true;
            if (*is ? !strstr(c->output, is) : strstr(c->output, other) != NULL) {
                fail_msg("%s: %s %s is not in the text: %s", c->verb, key, value ? "true" : "false",
                         c->output);
            }
            return;
        }
    }
    fail_msg("%s: who knows how %s in %s is told?", c->verb, key, parent);
}

/* Numbers that the text leaves out where they are 0. */
static bool left_out_at_zero(const char *key)
{
    static const char *const keys[] = { "ended_entries" };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!strcmp(keys[i], key)) {
            return true;
        }
    }
    return false;
}

/* What a report has for programs, and for people who look at one migration: `status` leaves it to
 * its JSON, as exclaim(8) says.  Whatever else a report has one day is told. */
static bool of_reports_only(const char *verb, const char *parent, const char *key)
{
    static const char *const members[] = {
        "schema",          "hook",          "policy",         "source",      "ms",
        "match",           "claimed_pages", "released_pages", "got",         "claimed",
        "verified_paused", "placed",        "planned",        "record_bytes"
    };
    static const char *const of_layout[] = { "got_kept_pages", "got_moved_pages",
                                             "got_unlisted_pages", "why" };
    const bool layout = !strcmp(parent, "layout");
    const char *const *list = layout ? of_layout : members;
    const size_t nr = layout ? ARRAY_SIZE(of_layout) : ARRAY_SIZE(members);

    for (size_t i = 0; !strcmp(verb, "status") && i < nr; i++) {
        if ((layout || !strcmp(parent, "reports")) && !strcmp(list[i], key)) {
            return true;
        }
    }
    return false;
}

/* A number is told as it is, as what so many pages or bytes are, or as an age. */
static void leaf(struct compared *c, const char *parent, const char *key, json_object *value)
{
    const uint64_t number = json_object_get_uint64(value);
    char plain[32], other[48] = "";

    if (json_object_is_type(value, json_type_string)) {
        may_be_said(c, json_object_get_string(value));
        if (strcmp(key, "schema") != 0 && !has_all(&c->text, json_object_get_string(value))) {
            fail_msg("%s: %s \"%s\" is not in the text: %s", c->verb, key,
                     json_object_get_string(value), c->output);
        }
        return;
    }
    if (json_object_is_type(value, json_type_boolean)) {
        may_be_said(c, json_object_get_boolean(value) ? "yes" : "no");
        yes_or_no(c, parent, key, json_object_get_boolean(value));
        return;
    }
    if (!strcmp(key, "expires_unix_ms")) {
        return; /* by `seconds` beside it */
    }
    snprintf(plain, sizeof(plain), "%" PRIu64, number);
    if (strstr(key, "unix_ms")) {
        exclaim_age_text(exclaim_now_unix_ms(), (int64_t)number, other, sizeof(other));
    } else if (strstr(key, "bytes")) {
        snprintf(other, sizeof(other), "%s", exclaim_size(number >> EXCLAIM_PAGE_SHIFT).text);
    } else if (strstr(key, "seconds")) {
        snprintf(other, sizeof(other), "%" PRIu64 " s", number);
    } else {
        snprintf(other, sizeof(other), "%s", exclaim_size(number).text);
    }
    may_be_said(c, plain);
    may_be_said(c, other);
    if (!has_all(&c->text, plain) && !has_all(&c->text, other) &&
        (number || !left_out_at_zero(key))) {
        fail_msg("%s: %s %s (%s) is not in the text: %s", c->verb, key, plain, other, c->output);
    }
}

static void walk(struct compared *c, const char *parent, const char *key, json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, name, member)
        {
            if (!of_reports_only(c->verb, key, name)) {
                walk(c, key, name, member);
            }
        }
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < (size_t)json_object_array_length(value); i++) {
            walk(c, parent, key, json_object_array_get_idx(value, i));
        }
    } else {
        leaf(c, parent, key, value);
    }
}

/* @frame: the words that the text puts around its facts.  Every other word is in the JSON. */
static void compare(const char *verb, const char *text, const char *json, const char *frame)
{
    static struct compared c;
    static struct words around;
    json_object *o = json_tokener_parse(json);

    assert_non_null(o);
    c.json.nr = 0;
    c.verb = verb;
    c.output = text;
    split(text, &c.text);
    split(frame, &around);
    walk(&c, "", "", o);
    for (size_t i = 0; i < c.text.nr; i++) {
        if (!has(&c.json, c.text.word[i]) && !has(&around, c.text.word[i])) {
            fail_msg("%s: \"%s\" is not in the JSON: %s%s", verb, c.text.word[i], text, json);
        }
    }
    json_object_put(o);
}

static void agree(int exit, const char *frame, const char *const *verb)
{
    char *text = exclaim(exit, verb, NULL), *json = exclaim(exit, verb, "--json");

    compare(verb[0], text, json, frame);
    free(text);
    free(json);
}

#define LAYOUT                                                                                     \
    " FIRST FRAMES SIZE EACH NODES with holes so many on one node then it is the next one's turn " \
    "frames runs bytes before they are deflated"
#define HEADER                                                                                     \
    "VM from Xen counted by at most paging pool vCPU vCPUs NODE SIZE PAGES total soft affinity "   \
    "shared paged out read ago distances node 0_KiB"
#define COUNT "domain counted by at most claims pages NODE SIZE PAGES total not exact uncertain"
#define STATUS                                                                                     \
    "migrations in flight 0 1 DOMID UUID NAME GUARANTEE PLACED OF KEPT MOVED PID SINCE SEEN NODE " \
    "4KIB "                                                                                        \
    "2MIB 1GIB extents of that size pages on the node of their frame elsewhere whether its "       \
    "process "                                                                                     \
    "can be seen from here last reports AGO ROLE OUTCOME EXACT NOW VM DEVIATION another "          \
    "than they should be claims outside of migrations domain entries ended processes the next "    \
    "migration removes them"
#define HOST                                                                                       \
    "NODE FREE CLAIMED CLAIMABLE PAGES host claimable ones of 4_KiB memory of the host headroom "  \
    "distances node"

/* From one number to the other where claims are not told. */
static void agree_host(void)
{
    const char *const verb[] = { "host", NULL };
    char *text = exclaim(0, verb, NULL), *json = exclaim(0, verb, "--json");

    for (char *at = text; (at = strstr(at, "iB-"));) {
        at[2] = ' ';
    }
    compare("host", text, json, HOST);
    free(text);
    free(json);
}

static void what_is_here(void **state)
{
    static const enum model_generation all[] = { MODEL_4_17, MODEL_XS9, MODEL_SETS_V5 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        open_host(all[i]);
        agree(0, "Xen KIND NAME OFFERED WHY", (const char *const[]){ "caps", NULL });
        agree(0, COUNT, (const char *const[]){ "count", "alpha", NULL });
        agree(0, COUNT LAYOUT, (const char *const[]){ "count", "alpha", "--layout", NULL });
        agree_host();
        drop_dir(dir);
    }
}

/* BETA claims, and this Xen does not tell on which node. */
static void claims_that_are_not_told(void **state)
{
    const char *const count[] = { "count", "alpha", "--record", record, NULL };
    const char *const match[] = { "match", "--record", record, NULL };

    (void)state;
    open_host(MODEL_SETS_V5);
    free(exclaim(0, count, NULL));
    claim_beside(700);
    agree_host();
    agree(0, "fits shape pages note SOURCE NODE SIZE PAGES FREE CLAIMED", match);
    drop_dir(dir);
}

static void match_and_header(void **state)
{
    const char *const count[] = { "count", "alpha", "--record", record, NULL };
    static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";

    (void)state;
    open_host(MODEL_4_17);
    free(exclaim(0, count, NULL));
    agree(0, "fits shape pages SOURCE NODE SIZE PAGES FREE CLAIMED",
          (const char *const[]){ "match", "--record", record, NULL });
    agree(0, "noted for VM nothing is held 300_s",
          (const char *const[]){ "match", "--note", uuid, "--node", "0=1", "--seconds", "300",
                                 NULL });
    agree(0, HEADER LAYOUT, (const char *const[]){ "header", record, NULL });
    agree(0, HEADER " 1 no layout",
          (const char *const[]){ "header", TEST_DATA "/record-v1.bin", NULL });
    drop_dir(dir);
}

static void claimed_and_released(void **state)
{
    static const struct {
        enum model_generation generation;
        const char *option, *value, *value2;
    } cases[] = {
        { MODEL_4_17, "--pages", "301", NULL },
        { MODEL_XS9, "--node", "1=302", NULL },
        { MODEL_SETS_V5, "--node", "0=303", "1=404" },
    };
    const char *const release[] = { "release", "alpha", NULL };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *claim[] = {
            "claim", "alpha", cases[i].option, cases[i].value, NULL, NULL, NULL
        };
        char *claimed[2], *released[2];

        if (cases[i].value2) {
            claim[4] = cases[i].option;
            claim[5] = cases[i].value2;
        }
        open_host(cases[i].generation);
        for (int json = 0; json < 2; json++) {
            claimed[json] = exclaim(0, claim, json ? "--json" : NULL);
            agree(0, COUNT, (const char *const[]){ "count", "alpha", NULL });
            agree_host();
            released[json] = exclaim(0, release, json ? "--json" : NULL);
        }
        compare("claim", claimed[0], claimed[1], "domain claimed pages guarantee outstanding node");
        compare("release", released[0], released[1], "domain released pages");
        for (int json = 0; json < 2; json++) {
            free(claimed[json]);
            free(released[json]);
        }
        drop_dir(dir);
    }
}

static void reports_of(const char *placed)
{
    char reports[96], text[1024];

    snprintf(reports, sizeof(reports), "%s/reports", dir);
    snprintf(text, sizeof(text),
             "{\"role\":\"destination\",\"outcome\":\"done\",\"domid\":42,"
             "\"uuid\":\"01000000-0000-0000-0000-000000000000\",\"time_unix_ms\":%" PRId64
             ",\"guarantee\":\"node-set\",\"exact\":false,\"deviation_pages\":37%s}\n"
             "{\"role\":\"source\",\"outcome\":\"failed\",\"domid\":8,"
             "\"uuid\":\"08000000-0000-0000-0000-000000000000\",\"time_unix_ms\":%" PRId64
             ",\"error\":\"went away behind a hill\"}\n",
             exclaim_now_unix_ms() - 7 * HOUR - HOUR / 2, placed,
             exclaim_now_unix_ms() - 5 * HOUR - HOUR / 2);
    put_text(reports, text);
}

static void verified(void **state)
{
    static const char frame[] =
        "domain pages lie as they should counted by of are not where they should be NODE WANTED "
        "GOT DIFFERENCE 4KIB 2MIB 1GIB none extents its last migration to this host placed them "
        "ago known no report layout pages on their node another of frames that it does not have "
        "compared uncertain ";
    char off[512], want[2][32];

    (void)state;
    open_host(MODEL_4_17);
    free(exclaim(0, (const char *const[]){ "count", "alpha", "--record", record, NULL }, NULL));
    agree(0, frame, (const char *const[]){ "verify", "alpha", "--record", record, NULL });
    reports_of(",\"placed\":{\"extents\":[{\"node\":0,\"4k\":61,\"2m\":62,\"1g\":63},"
               "{\"node\":1,\"4k\":64,\"2m\":65,\"1g\":66}]}");
    agree(0, frame, (const char *const[]){ "verify", "alpha", "--record", record, NULL });
    snprintf(want[0], sizeof(want[0]), "0=%" PRIu64, ON_0 + 41);
    snprintf(want[1], sizeof(want[1]), "1=%" PRIu64, ON_1 - 42);
    snprintf(off, sizeof(off), "%s -41 +42", frame);
    agree(3, off,
          (const char *const[]){ "verify", "alpha", "--node", want[0], "--node", want[1], NULL });
    drop_dir(dir);
}

/* The text has no sum that the JSON leaves to its reader, as all pages lie on node 1. */
static void in_flight(void **state)
{
    const struct exclaim_match match = { .nr_nodes = 2, .pages = { 0, 901 }, .total_pages = 901 };
    static const uint8_t uuid[EXCLAIM_UUID_BYTES] = { 9 };
    struct exclaim_ledger_entry *e;
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };
    char lock_dir[96];
    uint32_t slot, ended[19];

    (void)state;
    open_host(MODEL_SETS_V5);
    claim_beside(607);
    snprintf(lock_dir, sizeof(lock_dir), "%s/lock", dir);
    assert_int_equal(exclaim_ledger_open(lock_dir, &ledger, &err), 0);
    assert_int_equal(exclaim_ledger_lock(ledger, 0, &err), 0);
    assert_int_equal(
        exclaim_ledger_add(ledger, ALPHA, uuid, &match, EXCLAIM_GUARANTEE_HOST, true, &slot, &err),
        0);
    for (unsigned int i = 0; i < ARRAY_SIZE(ended); i++) {
        assert_int_equal(exclaim_ledger_add(ledger, 64, uuid, &match, EXCLAIM_GUARANTEE_HOST, true,
                                            &ended[i], &err),
                         0);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(ended); i++) {
        exclaim_ledger_at(ledger, ended[i])->pid = INT32_MAX; /* above any that there can be */
    }
    exclaim_ledger_unlock(ledger);
    e = exclaim_ledger_at(ledger, slot);
    e->started_ms = (uint64_t)(exclaim_now_unix_ms() - 3 * HOUR - HOUR / 2);
    atomic_store(&e->placed[1], 802);
    atomic_store(&e->by_frame, 1);
    atomic_store(&e->kept, 703);
    atomic_store(&e->moved, 1304);
    atomic_store(&e->extents[1][EXCLAIM_EXTENT_4K], 111);
    atomic_store(&e->extents[1][EXCLAIM_EXTENT_2M], 112);
    atomic_store(&e->extents[1][EXCLAIM_EXTENT_1G], 113);
    reports_of(",\"layout\":{\"kept_pages\":505,\"moved_pages\":406}");
    agree(0, STATUS, (const char *const[]){ "status", NULL });
    exclaim_ledger_remove(ledger, slot);
    exclaim_ledger_close(ledger);
    drop_dir(dir);
}

/* All that a destination reports. */
static void whole_report(void **state)
{
    static struct exclaim_session s;
    struct exclaim_error err = { 0 };
    char reports[96];

    (void)state;
    open_host(MODEL_SETS_V5);
    exclaim_session_init(&s, EXCLAIM_ROLE_DESTINATION, "emu-manager", ALPHA);
    s.outcome = EXCLAIM_OUTCOME_DONE;
    s.have_uuid = s.have_reservation = s.have_match = s.have_got = true;
    s.uuid[0] = 1;
    s.guarantee = EXCLAIM_GUARANTEE_NODE_SET;
    s.match.nr_nodes = s.got.nr_nodes = s.res.count.nr_nodes = 2;
    s.match.pages[0] = s.got.pages[0] = 1501;
    s.match.pages[1] = 1602;
    s.got.pages[1] = 1703;
    s.match.total_pages = 3103;
    s.got.total_pages = 3204;
    s.got.exact = true;
    s.claimed_pages = 3103;
    s.released_pages = 904;
    s.planned.told = true;
    strcpy(s.planned.why, "planned elsewhere");
    s.placed.steered = s.placed.layout.used = s.placed.layout.have_got = true;
    s.placed.layout.kept_pages = 1205;
    s.placed.layout.moved_pages = 1306;
    s.placed.layout.got_kept_pages = 1407;
    for (unsigned int i = 0; i < EXCLAIM_TIMED; i++) {
        s.ms[i] = 2000 + i;
    }
    strcpy(s.why, "a reason that was given");
    strcpy(s.error, "some fault beside it");
    strcpy(s.config_error, "line seventeen");
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    assert_int_equal(session_report_append(&s, reports, &err), 0);
    agree(0, STATUS, (const char *const[]){ "status", NULL });
    drop_dir(dir);
}

static void checked(void **state)
{
    (void)state;
    open_host(MODEL_4_17);
    agree(3, "this host is not ready STATE OF WHAT",
          (const char *const[]){ "check", "--report-file", "/proc/x/y", NULL });
    drop_dir(dir);
}

/* The last one. */
static void all_were_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        if (!met[i]) {
            fail_msg("%s: no %s in %s", told[i].verb, told[i].key, told[i].parent);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_here),     cmocka_unit_test(claims_that_are_not_told),
        cmocka_unit_test(match_and_header), cmocka_unit_test(claimed_and_released),
        cmocka_unit_test(verified),         cmocka_unit_test(in_flight),
        cmocka_unit_test(whole_report),     cmocka_unit_test(checked),
        cmocka_unit_test(all_were_met),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
