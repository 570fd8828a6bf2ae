/* SPDX-License-Identifier: BSD-2-Clause */
/* exclaim's claims by hand, each a process of its own: what one run does not know of another. */
#include "../unit/support.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host.h"
#include "reserve/ledger.h"

#define DOMID 1

static char dir[64], path[96];

static void open_host(enum model_generation generation)
{
    const struct model_config config = { .generation = generation,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 1000 }, { .pages = 1000 } } };
    struct model *m;
    int lock;

    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    assert_int_equal(host_create(path, &config), 0);
    m = host_lock(path, &lock);
    assert_non_null(m);
    assert_int_equal(model_create(m, DOMID, &(struct model_domain_config){ .nr_vcpus = 1 }), 0);
    assert_int_equal(model_set_max(m, DOMID, 500), 0);
    host_unlock(path, m, lock);
}

static char last_error[512], last_output[8192];

/* Runs it; @words are in what it says. */
static void run_one(const char *const *argv, int exit, const char *words, bool out)
{
    char conf[96], model[128], text[160];
    const char *const env[] = { conf, model, NULL };
    struct run r = { .argv = argv, .env = env };

    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(model, sizeof(model), HOST_ENV "=%s", path);
    snprintf(text, sizeof(text), "lock_dir = %s/lock\nheadroom_pages = 0\n", dir);
    put_text(strchr(conf, '=') + 1, text);
    run(&r);
    snprintf(last_error, sizeof(last_error), "%s", r.err);
    snprintf(last_output, sizeof(last_output), "%s", r.out);
    if (run_exit(&r) != exit || (words && !strstr(out ? r.out : r.err, words))) {
        fail_msg("%s: exit %d: %s%s", argv[1], run_exit(&r), r.out, r.err);
    }
    run_free(&r);
}

static void printed(const char *const *argv, const char *words)
{
    run_one(argv, 0, words, true);
}

/* The domain's claim afterwards; a refusal says @words. */
static uint64_t exclaim(const char *const *argv, int exit, const char *words)
{
    struct model_view view;
    struct model *m;
    int lock;

    run_one(argv, exit, words, false);
    m = host_lock(path, &lock);
    assert_non_null(m);
    assert_null(model_crashed(m));
    assert_int_equal(model_view(m, DOMID, &view), 0);
    host_unlock(path, m, lock);
    return view.outstanding;
}

/* XenServer 9: nobody knows whether the domain has had a claim on a node. */
static void no_host_claim_where_node_claims_go_stale(void **state)
{
    const char *const on_host[] = { program("EXCLAIM_BIN"), "claim", "1", "--pages", "50", NULL };
    const char *const on_node[] = { program("EXCLAIM_BIN"), "claim", "1", "--node", "1=50", NULL };
    const char *const on_two[] = {
        program("EXCLAIM_BIN"), "claim", "1", "--node", "0=50", "--node", "1=50", NULL
    };
    const char *const release[] = { program("EXCLAIM_BIN"), "release", "1", NULL };

    (void)state;
    open_host(MODEL_XS9);
    assert_int_equal(exclaim(on_host, 4, "may have had a claim on one node"), 0);
    assert_int_equal(exclaim(on_node, 0, NULL), 50);
    assert_int_equal(exclaim(release, 0, NULL), 0);
    assert_int_equal(exclaim(on_host, 4, "may have had a claim on one node"), 0);
    assert_int_equal(exclaim(on_two, 4, "no such claim"), 0);
    assert_int_equal(exclaim(on_node, 0, NULL), 50);
    drop_dir(dir);
}

static void host_claim_elsewhere(void **state)
{
    static const enum model_generation all[] = { MODEL_4_17, MODEL_4_21, MODEL_SETS_V5 };
    const char *const on_host[] = { program("EXCLAIM_BIN"), "claim", "1", "--pages", "50", NULL };

    (void)state;
    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
        open_host(all[i]);
        assert_int_equal(exclaim(on_host, 0, NULL), 50);
        drop_dir(dir);
    }
}

/* One page is one, and a domain without a name leaves no hole where it would be. */
static void one_page_of_no_name(void **state)
{
    const char *const claim[] = { program("EXCLAIM_BIN"), "claim", "1", "--pages", "1", NULL };
    const char *const shown[] = { program("EXCLAIM_BIN"), "status", NULL };
    const char *const count[] = { program("EXCLAIM_BIN"), "count", "1", NULL };
    const char *const verify[] = { program("EXCLAIM_BIN"), "verify", "1", "--node", "0=1", NULL };
    const char *const release[] = { program("EXCLAIM_BIN"), "release", "1", NULL };

    (void)state;
    open_host(MODEL_4_17);
    printed(claim, "4 KiB claimed (1 page, guarantee host), 4 KiB outstanding (1 page)\n");
    printed(shown, "\n  domain 1: 4 KiB (1 page)\n");
    printed(count, "domain 1 (00000000-");
    run_one(verify, 3, "domain 1 (00000000-0000-0000-0000-000000000000): 4 KiB (1 page) of ", true);
    run_one(verify, 3, " -1 page ", true);
    printed(release, "4 KiB released (1 page)\n");
    drop_dir(dir);
}

/* Another domain's claim on node 1. */
static void claim_of_another(void)
{
    const struct model_domain_config other = { .uuid = { 2 }, .nr_vcpus = 1 };
    struct model_entry entry = { .pages = 700, .target = 1 };
    struct model *m;
    uint32_t nr = 1;
    int lock;

    m = host_lock(path, &lock);
    assert_int_equal(model_create(m, 2, &other), 0);
    assert_int_equal(model_set_max(m, 2, 1000), 0);
    assert_int_equal(model_domctl_claims(m, MODEL_DOMCTL_SET, 2, &entry, &nr, 0), 0);
    host_unlock(path, m, lock);
}

/* One on a Xen that does not tell it: said in numbers. */
static void claims_that_are_not_told(void **state)
{
    const char *const host[] = { program("EXCLAIM_BIN"), "host", NULL, NULL };
    const char *const full[] = { program("EXCLAIM_BIN"), "claim", "1", "--node", "1=400", NULL };
    const char *const fits[] = { program("EXCLAIM_BIN"), "claim", "1", "--node", "1=300", NULL };

    (void)state;
    open_host(MODEL_SETS_V5);
    claim_of_another();
    printed(host, "0 KiB-2.7 MiB");
    printed(host, "944 KiB-3.7 MiB");
    printed(host, "up to 2.7 MiB (700 pages) of the host's claims may lie on any node");
    assert_int_equal(exclaim(full, 3, "1.6 MiB on node 1 with 3.9 MiB free"), 0);
    assert_int_equal(exclaim(fits, 0, NULL), 300);
    drop_dir(dir);
}

static uint64_t number(json_object *o, const char *key)
{
    json_object *value;

    if (!json_object_object_get_ex(o, key, &value)) {
        fail_msg("no %s in %s", key, json_object_to_json_string(o));
    }
    return json_object_get_uint64(value);
}

/* "LOW-HIGH", or one where there is no other. */
static const char *range(uint64_t low, uint64_t high, char text[64])
{
    snprintf(text, 64, low == high ? "%s" : "%s-%s", exclaim_size(low).text,
             exclaim_size(high).text);
    return text;
}

/* A row of the table has these cells. */
static void assert_row(const char *text, const char *name, uint64_t free_pages, const char *claimed,
                       const char *claimable, uint64_t pages)
{
    char row[256], *copy = strdup(text), *to = copy;

    /* Blanks do not count. */
    for (const char *at = text; *at; at++) {
        if (*at != ' ' || (to > copy && to[-1] != ' ')) {
            *to++ = *at;
        }
    }
    *to = '\0';
    snprintf(row, sizeof(row), "\n%s %s %s %s %" PRIu64 "\n", name, exclaim_size(free_pages).text,
             claimed, claimable, pages);
    if (!strstr(copy, row)) {
        fail_msg("no \"%s\" in %s", row, text);
    }
    free(copy);
}

static char *host_says(const char *json)
{
    const char *const argv[] = { program("EXCLAIM_BIN"), "host", json, NULL };

    run_one(argv, 0, NULL, true);
    return last_output;
}

/* Each number of `host` in its place, in both outputs: what the ledger knows on either node, and
 * what may lie on any. */
static void host_cell_by_cell(void **state)
{
    const struct exclaim_match match = { .nr_nodes = 2, .pages = { 101, 203 }, .total_pages = 304 };
    static const uint64_t claimable[] = { 1000 - 101, 1000 - 203 };
    static const uint8_t uuid[EXCLAIM_UUID_BYTES];
    struct exclaim_ledger *ledger;
    struct exclaim_error err = { 0 };
    char lock_dir[96], claims[64], left[64];
    json_object *o, *nodes;
    uint32_t slot;

    (void)state;
    open_host(MODEL_SETS_V5);
    claim_of_another();
    snprintf(lock_dir, sizeof(lock_dir), "%s/lock", dir);
    assert_int_equal(exclaim_ledger_open(lock_dir, &ledger, &err), 0);
    assert_int_equal(exclaim_ledger_add(ledger, DOMID, uuid, &match, EXCLAIM_GUARANTEE_NODE_SET,
                                        true, &slot, &err),
                     0);

    o = json_tokener_parse(host_says("--json"));
    assert_int_equal(number(o, "free_pages"), 2000);
    assert_int_equal(number(o, "outstanding_pages"), 700);
    assert_int_equal(number(o, "untold_claims_pages"), 700 - 304);
    assert_int_equal(number(o, "headroom_pages"), 0);
    assert_int_equal(number(o, "claimable_pages"), 2000 - 700);
    assert_true(json_object_object_get_ex(o, "nodes", &nodes));
    assert_int_equal(json_object_array_length(nodes), 2);
    host_says(NULL);
    for (size_t n = 0; n < 2; n++) {
        json_object *item = json_object_array_get_idx(nodes, n);

        assert_int_equal(number(item, "node"), n);
        assert_int_equal(number(item, "free_pages"), 1000);
        assert_int_equal(number(item, "claimed_pages"), match.pages[n]);
        assert_int_equal(number(item, "claimed_at_most_pages"), match.pages[n] + 396);
        assert_int_equal(number(item, "claimable_pages"), claimable[n] - EXCLAIM_NODE_SLACK);
        assert_int_equal(number(item, "claimable_at_least_pages"),
                         claimable[n] - 396 - EXCLAIM_NODE_SLACK);
        assert_int_equal(number(item, "claimed_known"), 0);
        range(match.pages[n], match.pages[n] + 396, claims);
        range(claimable[n] - 396 - EXCLAIM_NODE_SLACK, claimable[n] - EXCLAIM_NODE_SLACK, left);
        assert_row(last_output, n ? "1" : "0", 1000, claims, left,
                   claimable[n] - EXCLAIM_NODE_SLACK);
    }
    assert_row(last_output, "host", 2000, exclaim_size(700).text, exclaim_size(1300).text, 1300);
    json_object_put(o);
    exclaim_ledger_remove(ledger, slot);
    exclaim_ledger_close(ledger);
    drop_dir(dir);
}

/* It is the claim that exists, no file. */
static void a_second_claim(void **state)
{
    const char *const claim[] = { program("EXCLAIM_BIN"), "claim", "1", "--pages", "50", NULL };

    (void)state;
    open_host(MODEL_4_17);
    assert_int_equal(exclaim(claim, 0, NULL), 50);
    assert_int_equal(
        exclaim(claim, 5, "domain 1 already claims 200 KiB (50 pages), and can have one claim"),
        50);
    assert_null(strstr(last_error, "File exists"));
    drop_dir(dir);
}

/* What this Xen has not, and where what it has is told. */
static void no_such_claim(void **state)
{
    const char *const claim[] = { program("EXCLAIM_BIN"), "claim", "1", "--node", "0=50", NULL };

    (void)state;
    open_host(MODEL_4_17);
    assert_int_equal(exclaim(claim, 4, "no such claim, exclaim caps says which it does"), 0);
    drop_dir(dir);
}

/* More than it should have on one node, and nothing missing elsewhere. */
static void verified_with_more(void **state)
{
    const char *const verify[] = { program("EXCLAIM_BIN"), "verify", "1", "--node", "0=200", NULL };
    struct model *m;
    int lock;

    (void)state;
    open_host(MODEL_4_17);
    m = host_lock(path, &lock);
    assert_int_equal(model_populate(m, 1, 256, 0, MODEL_MEMF_EXACT_NODE(0)), 256);
    host_unlock(path, m, lock);
    run_one(verify, 3, ": 224 KiB (56 pages) more than it should have, counted by console\n", true);
    drop_dir(dir);
}

/* For a node that is not here: refused in numbers, and nothing is noted. */
static void noted_for_no_node(void **state)
{
    static const char vm[] = "01234567-89ab-cdef-0123-456789abcdef";
    static const struct {
        const char *pair, *says;
    } cases[] = {
        { "0=9", ": node 9 for its part on node 0 is not there: the highest node of host " },
        { "1=2", ": node 2 for its part on node 1 is not there: the highest node of host " },
        { "1=68719476736", ": node 68719476736 for its part on node 1 is not there" },
    };
    const char *note[] = {
        program("EXCLAIM_BIN"), "match", "--note", vm, "--node", "3=1", "--node", NULL, NULL
    };
    struct model *m;
    char file[128];
    int lock;

    (void)state;
    open_host(MODEL_4_17);
    snprintf(file, sizeof(file), "%s/lock/note-%s", dir, vm);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        note[7] = cases[i].pair;
        run_one(note, 2, cases[i].says, false);
        assert_non_null(strstr(last_error, vm));
        assert_int_not_equal(access(file, F_OK), 0);
    }
    assert_non_null(strstr(last_error, " is 1\n"));
    note[7] = "0=0";
    printed(note, "noted for VM");
    assert_int_equal(access(file, F_OK), 0);

    m = host_lock(path, &lock);
    assert_int_equal(model_offline_node(m, 0), 0);
    host_unlock(path, m, lock);
    run_one(note, 2, " is 1, and this one is offline\n", false);
    drop_dir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_host_claim_where_node_claims_go_stale),
        cmocka_unit_test(host_claim_elsewhere),
        cmocka_unit_test(claims_that_are_not_told),
        cmocka_unit_test(host_cell_by_cell),
        cmocka_unit_test(a_second_claim),
        cmocka_unit_test(no_such_claim),
        cmocka_unit_test(verified_with_more),
        cmocka_unit_test(noted_for_no_node),
        cmocka_unit_test(one_page_of_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
