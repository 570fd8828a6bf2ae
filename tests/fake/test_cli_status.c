/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim status` says of VMs whose memory was restored here: whether they still are. */
#include "../unit/support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "host.h"

#define UUID      "01234567-89ab-cdef-0123-456789abcdef"
#define TEMPORARY "01234567-89ab-cdef-0123-000000000001"
#define OTHER     "76543210-89ab-cdef-0123-456789abcdef"

static char dir[64], path[96];

/* Domain 1 is UUID's, domain 2 TEMPORARY's. */
static int setup(void **state)
{
    const struct model_config config = { .generation = MODEL_4_17,
                                         .nr_nodes = 1,
                                         .node = { { .pages = 1000 } } };
    struct model_domain_config domain = { .nr_vcpus = 1 };
    struct model *m;
    int lock;

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    assert_int_equal(host_create(path, &config), 0);
    m = host_lock(path, &lock);
    assert_non_null(m);
    for (uint32_t domid = 1; domid <= 2; domid++) {
        assert_true(exclaim_uuid_parse(domid == 1 ? UUID : TEMPORARY, domain.uuid));
        assert_int_equal(model_create(m, domid, &domain), 0);
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

/* The output of `exclaim status` with one report. */
static char *status(const char *role, const char *outcome, unsigned int domid, const char *uuid,
                    const char *json)
{
    const char *const argv[] = { program("EXCLAIM_BIN"), "status", json, NULL };
    char conf[96], model[128], text[256], reports[96], *out;
    const char *const env[] = { conf, model, NULL };
    struct run r = { .argv = argv, .env = env };

    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(model, sizeof(model), HOST_ENV "=%s", path);
    snprintf(reports, sizeof(reports), "%s/reports", dir);
    snprintf(text, sizeof(text), "lock_dir = %s/lock\nreport_file = %s\n", dir, reports);
    put_text(strchr(conf, '=') + 1, text);
    snprintf(text, sizeof(text),
             "{\"role\":\"%s\",\"outcome\":\"%s\",\"domid\":%u,\"uuid\":\"%s\"}\n", role, outcome,
             domid, uuid);
    put_text(reports, text);
    run(&r);
    if (run_exit(&r)) {
        fail_msg("exit %d: %s", run_exit(&r), r.err);
    }
    out = strdup(r.out);
    assert_non_null(out);
    run_free(&r);
    return out;
}

static void restored(void **state)
{
    static const struct {
        const char *role, *outcome, *uuid;
        unsigned int domid;
        const char *now; /* NULL: nothing is said */
    } cases[] = {
        { "destination", "done", UUID, 1, "here" },
        { "destination", "done", TEMPORARY, 1, "here" }, /* renamed since */
        { "destination", "done", UUID, 2, "here" },      /* not renamed yet */
        { "destination", "done", OTHER, 1, "gone" },     /* the domid is another VM's by now */
        { "destination", "done", UUID, 3, "gone" },
        { "destination", "failed", UUID, 3, NULL },
        { "destination", "refused", UUID, 3, NULL },
        { "source", "sent", UUID, 3, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = status(cases[i].role, cases[i].outcome, cases[i].domid, cases[i].uuid, NULL);
        json_object *o, *reports, *now;

        assert_non_null(strstr(text, "NOW"));
        assert_int_equal(!!strstr(text, " gone "), cases[i].now && !strcmp(cases[i].now, "gone"));
        assert_int_equal(!!strstr(text, " here "), cases[i].now && !strcmp(cases[i].now, "here"));
        free(text);
        text = status(cases[i].role, cases[i].outcome, cases[i].domid, cases[i].uuid, "--json");
        o = json_tokener_parse(text);
        assert_true(json_object_object_get_ex(o, "reports", &reports));
        assert_int_equal(json_object_array_length(reports), 1);
        assert_int_equal(
            json_object_object_get_ex(json_object_array_get_idx(reports, 0), "domain", &now),
            cases[i].now != NULL);
        if (cases[i].now) {
            assert_string_equal(json_object_get_string(now), cases[i].now);
        }
        json_object_put(o);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(restored) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
