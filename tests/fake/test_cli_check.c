/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim check` on hosts that lack one thing each. */
#include "../unit/support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host.h"

static char dir[64], path[96], hooks[96], object[96];

static int setup(void **state)
{
    const struct model_config config = { .generation = MODEL_4_17,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 20000 }, { .pages = 20000 } },
                                         .dom0_vcpus = 2 };

    (void)state;
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    snprintf(hooks, sizeof(hooks), "%s/hooks", dir);
    snprintf(object, sizeof(object), "%s/object", dir);
    put_text(object, "");
    assert_int_equal(host_create(path, &config), 0);
    return 0;
}

/* Runs it where exclaim-hooks says @lines and the configuration has @more; the exit code. */
static int check(const char *lines, const char *more, const char *model, bool json, char **out)
{
    const char *const argv[] = { program("EXCLAIM_BIN"), "check", json ? "--json" : NULL, NULL };
    char conf[96], text[512], model_env[128], hooks_env[128];
    /* COLUMNS=0: no line is broken. */
    const char *const env[] = { conf, hooks_env, "COLUMNS=0", model ? model_env : NULL, NULL };
    struct run r = { .argv = argv, .env = env };
    int rc;

    snprintf(text, sizeof(text), "#!/bin/sh\n[ \"$*\" = 'status --lines' ] && printf '%%s' '%s'\n",
             lines);
    put_text(hooks, text);
    assert_int_equal(chmod(hooks, 0755), 0);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    snprintf(text, sizeof(text),
             "lock_dir = %s/lock\nreport_file = %s/log/deep/reports\nplace_object = %s\n%s", dir,
             dir, object, more);
    put_text(strchr(conf, '=') + 1, text);
    snprintf(model_env, sizeof(model_env), HOST_ENV "=%s", model ? model : "");
    snprintf(hooks_env, sizeof(hooks_env), "EXCLAIM_HOOKS=%s", hooks);
    run(&r);
    rc = run_exit(&r);
    assert_string_equal(r.err, "");
    *out = strdup(r.out);
    assert_non_null(*out);
    run_free(&r);
    return rc;
}

#define IN_USE                                                                                     \
    "emu-manager|on|in place, read, used\nxenguest|on|in place\nxl|off|not on this host\n"

/* A host that will not stay strict when its file is lost is not ready to be. */
static void not_remembered(void **state)
{
    char *out;

    (void)state;
    setenv("EXCLAIM_STATE_DIR", "/proc/nowhere", 1);
    assert_int_equal(check(IN_USE, "policy = strict\n", path, false, &out), 3);
    assert_non_null(strstr(out, "/conf be lost, policy strict is too: create /proc/nowhere: "));
    free(out);
    assert_int_equal(check(IN_USE, "", path, false, &out), 0);
    free(out);
    setenv("EXCLAIM_STATE_DIR", dir, 1);
    assert_int_equal(check(IN_USE, "policy = strict\n", path, false, &out), 0);
    free(out);
}

static void hosts(void **state)
{
    static const struct {
        const char *lines, *more;
        bool no_xen;
        int exit;
        const char *state, *of, *text;
    } cases[] = {
        { IN_USE, "", false, 0, "ok", "xen", "Xen 4.17" },
        { IN_USE, "", false, 0, "ok", "emu-manager", "in place, read, used" },
        { IN_USE, "", false, 0, "ok", "count",
          "HVM and PVH guests by mapping; PV guests by console, where all domains have up to 64 "
          "GiB together" },
        { IN_USE, "count_console_max_pages = 0\n", false, 0, "ok", "count",
          "HVM and PVH guests by mapping; PV guests are not counted" },
        { IN_USE, "count_ms_max = 0\n", false, 0, "ok", "count", "by console, where" },
        { IN_USE, "count_ms_max = 0\ncount_console_max_pages = 0\n", false, 3, "degraded", "count",
          "neither by mapping (count_ms_max = 0) nor by console (count_console_max_pages = 0): VMs "
          "that leave take no count along" },
        { IN_USE, "", false, 0, "ok", "claims", "the host" },
        { IN_USE, "", false, 0, "ok", "ledger", "/lock" },
        { IN_USE, "", false, 0, "ok", "reports", "free" },
        { IN_USE, "policy = observe\n", false, 3, "degraded", "configuration",
          "nothing is claimed" },
        { IN_USE, "place_object = /nowhere/x\n", false, 3, "degraded", "placement", "/nowhere/x" },
        { IN_USE, "place_object = /dev/null\n", false, 3, "degraded", "placement", "Exec format" },
        { IN_USE, "policy = sometimes\n", false, 5, "broken", "configuration", "sometimes" },
        { IN_USE, "lock_dir = /proc/nowhere\n", false, 5, "broken", "ledger", "/proc/nowhere" },
        { IN_USE, "report_file = /proc/x/y\n", false, 3, "degraded", "reports", "lost" },
        { IN_USE, "", true, 5, "broken", "xen", "no xen runs here" },
        { "emu-manager|stale|not read\n", "", false, 3, "degraded", "emu-manager", "not read" },
        { IN_USE "xenguest|broken|gone\n", "", false, 5, "broken", "xenguest", "gone" },
        { "xl|on|in place\nemu-manager|off|not on this host\n", "", false, 0, "ok", "xl", "place" },
        { "emu-manager|off|not on this host\nxenguest|off|disabled\nxl|on|in place\n", "", false, 0,
          "ok", "xl", "in place" },
        { "emu-manager|on|in place, read\nxenguest|off|disabled\n", "", false, 3, "degraded",
          "xenguest", "exclaim-hooks enable xenguest" },
        { "xl|on|in place\nplugin|off|disabled\n", "", false, 3, "degraded", "plugin",
          "exclaim-hooks enable plugin" },
        { "xl|off|disabled\nemu-manager|off|not on this host\n", "", false, 5, "broken", "hooks",
          "no toolstack uses exclaim" },
        { "", "", false, 5, "broken", "hooks", "says nothing" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *model = cases[i].no_xen ? NULL : path;
        json_object *o, *list, *value;
        bool seen = false, said = false;
        char want[160], *out;

        if (check(cases[i].lines, cases[i].more, model, false, &out) != cases[i].exit) {
            fail_msg("case %zu: not exit %d: %s", i, cases[i].exit, out);
        }
        assert_ptr_equal(
            strstr(out, cases[i].exit ? "this host is not ready: " : "this host is ready\n"), out);
        snprintf(want, sizeof(want), " %s ", cases[i].of);
        for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
            char *of = strstr(line, want);

            said |= of && !strncmp(line, cases[i].state, strlen(cases[i].state)) &&
                    strspn(line + strlen(cases[i].state), " ") ==
                        (size_t)(of - line) + 1 - strlen(cases[i].state) &&
                    strstr(of, cases[i].text);
        }
        if (!said) {
            fail_msg("case %zu: no \"%s%s%s\"", i, cases[i].state, want, cases[i].text);
        }
        free(out);
        assert_int_equal(check(cases[i].lines, cases[i].more, model, true, &out), cases[i].exit);
        o = json_tokener_parse(out);
        assert_true(json_object_object_get_ex(o, "checks", &list));
        for (size_t k = 0; k < (size_t)json_object_array_length(list); k++) {
            json_object *line = json_object_array_get_idx(list, k);

            assert_true(json_object_object_get_ex(line, "name", &value));
            if (!strcmp(json_object_get_string(value), cases[i].of)) {
                assert_true(json_object_object_get_ex(line, "state", &value));
                seen |= !strcmp(json_object_get_string(value), cases[i].state);
            }
        }
        assert_true(seen);
        assert_true(json_object_object_get_ex(o, "state", &value));
        assert_string_equal(json_object_get_string(value), cases[i].exit == 0   ? "ok"
                                                           : cases[i].exit == 3 ? "degraded"
                                                                                : "broken");
        json_object_put(o);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(hosts), cmocka_unit_test(not_remembered) };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
