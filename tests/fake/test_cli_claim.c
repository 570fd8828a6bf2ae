/* SPDX-License-Identifier: BSD-2-Clause */
/* exclaim's claims by hand, each a process of its own: what one run does not know of another. */
#include "../unit/support.h"

#include <stdio.h>
#include <string.h>

#include "host.h"

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

/* The domain's claim afterwards; a refusal says @words. */
static uint64_t exclaim(const char *const *argv, int exit, const char *words)
{
    char conf[96], model[128], text[160];
    const char *const env[] = { conf, model, NULL };
    struct run r = { .argv = argv, .env = env };
    struct model_view view;
    struct model *m;
    int lock;

    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(model, sizeof(model), HOST_ENV "=%s", path);
    snprintf(text, sizeof(text), "lock_dir = %s/lock\nheadroom_pages = 0\n", dir);
    put_text(strchr(conf, '=') + 1, text);
    run(&r);
    if (run_exit(&r) != exit || (words && !strstr(r.err, words))) {
        fail_msg("%s %s: exit %d: %s", argv[1], argv[3] ? argv[3] : "", run_exit(&r), r.err);
    }
    run_free(&r);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_host_claim_where_node_claims_go_stale),
        cmocka_unit_test(host_claim_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
