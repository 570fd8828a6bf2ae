/* SPDX-License-Identifier: BSD-2-Clause */
/* Logging in to XAPI: the socket, TLS, the coordinator's address, passwords, and what goes wrong.
 */
#include "xapi_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xapi/client.h"

static const char state_text[] =
    "{\"name\":\"one\",\"password\":\"secret\",\"hosts\":[{\"name\":\"a\",\"nodes\":[1000000]}]}";

static struct sim sim;

static int setup(void **state)
{
    (void)state;
    sim_start(&sim, state_text, true, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_stop(&sim);
    return 0;
}

static void opens(const struct exclaim_xapi_options *opt, struct exclaim_xapi **xapi)
{
    struct exclaim_error err = { 0 };

    if (exclaim_xapi_open(opt, xapi, &err)) {
        fail_msg("%s", err.text);
    }
}

static void refused(const struct exclaim_xapi_options *opt, int code, const char *text)
{
    struct exclaim_error err = { 0 };
    struct exclaim_xapi *xapi = NULL;
    unsigned int fds = count_fds();

    if (!exclaim_xapi_open(opt, &xapi, &err)) {
        fail_msg("logged in, expected \"%s\"", text);
    }
    assert_null(xapi);
    assert_int_equal(exclaim_error_exit_code(&err), code);
    if (!strstr(err.text, text) || strchr(err.text, '\n') || strstr(err.text, "secret")) {
        fail_msg("\"%s\" is not in \"%s\"", text, err.text);
    }
    assert_int_equal(count_fds(), fds);
}

static json_object *ask(struct exclaim_xapi *xapi, struct rpc *rpc, const char *method)
{
    struct exclaim_error err;

    *rpc = (struct rpc){ .method = method, .params = rpc_params(NULL, NULL) };
    if (rpc_call(xapi, rpc, &err)) {
        fail_msg("%s: %s", method, err.text);
    }
    return rpc->result;
}

static size_t sessions(struct exclaim_xapi *xapi)
{
    struct rpc rpc;
    size_t nr = json_object_array_length(ask(xapi, &rpc, "session.get_all"));

    rpc_drop(&rpc);
    return nr;
}

/* Every session is given back: after use, and after failures in it. */
static void logout(void **state)
{
    struct exclaim_xapi *watcher = sim_open(&sim), *other;
    size_t before = sessions(watcher);
    struct exclaim_error err;
    struct exclaim_pool pool;

    (void)state;
    other = sim_open(&sim);
    assert_int_equal(sessions(watcher), before + 1);
    sim_faults(&sim, "[{\"method\":\"host.get_all_records\",\"action\":\"half\"}]");
    assert_int_equal(exclaim_xapi_snapshot(other, &pool, &err), -1);
    sim_faults(&sim, "[]");
    exclaim_xapi_close(other);
    assert_int_equal(sessions(watcher), before);

    /* Forgotten in the middle of a batch: one new session for all of it.  The simulator only says
     * that the old one is invalid, so that one stays. */
    other = sim_open(&sim);
    sim_faults(&sim, "[{\"method\":\"VM.get_all_records\",\"action\":\"error\",\"times\":1,"
                     "\"description\":[\"SESSION_INVALID\",\"x\"]},"
                     "{\"method\":\"VDI.get_all_records\",\"action\":\"error\",\"times\":1,"
                     "\"description\":[\"SESSION_INVALID\",\"x\"]}]");
    assert_int_equal(exclaim_xapi_snapshot(other, &pool, &err), 0);
    exclaim_pool_free(&pool);
    exclaim_xapi_close(other);
    assert_int_equal(sessions(watcher), before + 1);
    sim_faults(&sim, "[]");
    exclaim_xapi_close(watcher);
    exclaim_xapi_close(NULL);
}

static void tls(void **state)
{
    struct exclaim_xapi_options opt = { .server = sim.server,
                                        .password = "secret",
                                        .cacert = sim.cert };
    char by_name[64];
    struct exclaim_xapi *xapi;

    (void)state;
    opens(&opt, &xapi);
    assert_string_equal(exclaim_xapi_server(xapi), sim.server);
    exclaim_xapi_close(xapi);

    /* The certificate is for another name: that matters, but not in the pool's own bundle. */
    snprintf(by_name, sizeof(by_name), "localhost%s", strchr(sim.server, ':'));
    opt.server = by_name;
    refused(&opt, 5, "localhost");
    opt.cacert = NULL;
    opt.bundle = sim.cert;
    opens(&opt, &xapi);
    exclaim_xapi_close(xapi);
}

static void server_name(void **state)
{
    struct exclaim_xapi_options opt = { .server = sim.server,
                                        .password = "secret",
                                        .bundle = sim.cert };
    json_object *names;
    struct exclaim_xapi *xapi;
    struct rpc rpc;

    (void)state;
    opens(&opt, &xapi);
    names = ask(xapi, &rpc, "sim.names");
    assert_string_equal(json_object_get_string(
                            json_object_array_get_idx(names, json_object_array_length(names) - 1)),
                        "pool");
    rpc_drop(&rpc);
    exclaim_xapi_close(xapi);
}

static void foreign_certificate(void **state)
{
    static const char foreign[] = "/etc/ssl/certs/ca-certificates.crt";
    struct exclaim_xapi_options opt = { .server = sim.server, .password = "secret" };
    char missing[128];

    (void)state;
    snprintf(missing, sizeof(missing), "%s/none", sim.dir);
    opt.bundle = missing;
    refused(&opt, 5, missing);
    if (!access(foreign, R_OK)) {
        opt.bundle = foreign;
        refused(&opt, 5, "certificate");
    }
}

static void redirect(void **state)
{
    struct exclaim_xapi_options opt = { .server = sim.member,
                                        .password = "secret",
                                        .bundle = sim.cert };
    struct exclaim_xapi *xapi;

    (void)state;
    opens(&opt, &xapi);
    assert_string_equal(exclaim_xapi_server(xapi), sim.server);
    exclaim_xapi_close(xapi);

    /* Round and round, or to nowhere. */
    sim_faults(&sim, "[{\"method\":\"session.login_with_password\",\"action\":\"error\","
                     "\"description\":[\"HOST_IS_SLAVE\",\"127.0.0.2\"]}]");
    refused(&opt, 5, "HOST_IS_SLAVE: 127.0.0.2");
    sim_faults(&sim, "[{\"method\":\"session.login_with_password\",\"action\":\"error\","
                     "\"description\":[\"HOST_IS_SLAVE\",\"-x /\"]}]");
    refused(&opt, 5, "coordinator is said to be at");
    sim_faults(&sim, "[]");
}

static void passwords(void **state)
{
    struct exclaim_xapi_options opt = { .server = sim.server, .bundle = sim.cert };

    (void)state;
    refused(&opt, 2, "a password is needed");
    opt.password = "wrong";
    refused(&opt, 5, "SESSION_AUTHENTICATION_FAILED: root");
    opt.password = "secret";
    opt.user = "nobody";
    refused(&opt, 5, "SESSION_AUTHENTICATION_FAILED: nobody");
}

static void unreachable(void **state)
{
    struct exclaim_xapi_options opt = { .server = "127.0.0.3:1",
                                        .password = "secret",
                                        .bundle = sim.cert };
    char path[128];

    (void)state;
    refused(&opt, 5, "127.0.0.3:1");
    opt.server = "no-such-host.invalid";
    opt.connect_ms = 20000;
    opt.total_ms = 20000;
    refused(&opt, 5, "no-such-host.invalid");
    snprintf(path, sizeof(path), "%s/none", sim.dir);
    opt.server = path;
    refused(&opt, 5, path);
    put_text(path, "");
    refused(&opt, 5, path);
}

static void damaged(void **state)
{
    static const struct {
        const char *rule, *text;
    } cases[] = {
        { "\"action\":\"cut\"", "JSON is cut off" },
        { "\"action\":\"half\"", "connection ended" },
        { "\"action\":\"close\"", "connection ended" },
        { "\"action\":\"hang\"", "timed out" },
        { "\"action\":\"status\",\"status\":500", "HTTP status 500" },
        { "\"action\":\"result\",\"value\":\"OpaqueRef:NULL\"", "is no reference" },
        { "\"action\":\"result\",\"value\":{\"a\":1}", "is no reference" },
        { "\"action\":\"result\",\"value\":\"OpaqueRef:0123456789012345678901234567890123456789"
          "0123456789012345678901234567890123456789\"",
          "is no reference" },
        { "\"action\":\"error\",\"description\":[\"HOST_STILL_BOOTING\"]", "HOST_STILL_BOOTING" },
        { "\"action\":\"error\",\"description\":[7,null,{}]", "7: None, {}" },
    };
    struct exclaim_xapi_options opt = sim_options(&sim);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char rules[512];

        opt.total_ms = strstr(cases[i].text, "timed out") ? 1500 : 60000;
        snprintf(rules, sizeof(rules), "[{\"method\":\"session.login_with_password\",%s}]",
                 cases[i].rule);
        sim_faults(&sim, rules);
        refused(&opt, 5, cases[i].text);
    }
    sim_faults(&sim, "[]");
}

static void servers(void **state)
{
    static const char *const bad[] = { "",       "http://a", "a:b",    "a:",       "a:123456",
                                       "user@a", "a/b",      "a b",    "https://", "[::1",
                                       "[::1]x", "-o",       "ftp://a" };
    struct endpoint to;
    struct exclaim_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct exclaim_xapi_options opt = { .server = bad[i] };

        if (!endpoint_parse(&opt, &to, &err)) {
            fail_msg("\"%s\" is taken for %s", bad[i], to.text);
        }
        assert_int_equal(err.kind, EXCLAIM_ERR_USAGE);
    }
    assert_int_equal(
        endpoint_parse(&(struct exclaim_xapi_options){ .server = "[fe80::1]:8443" }, &to, &err), 0);
    assert_string_equal(to.text, "[fe80::1]:8443");
    assert_int_equal(
        endpoint_parse(&(struct exclaim_xapi_options){ .server = "https://xen1.example/" }, &to,
                       &err),
        0);
    assert_string_equal(to.text, "xen1.example:443");
    assert_int_equal(endpoint_parse(&(struct exclaim_xapi_options){ 0 }, &to, &err), 0);
    assert_string_equal(to.text, EXCLAIM_XAPI_SOCKET);
}

static void password_sources(void **state)
{
    struct exclaim_error err;
    char file[128], text[16];

    (void)state;
    snprintf(file, sizeof(file), "%s/password", sim.dir);
    put_text(file, "from file\nand more\n");
    chmod(file, 0644);
    assert_int_equal(exclaim_xapi_password(file, text, sizeof(text), &err), -1);
    assert_non_null(strstr(err.text, "mode 0644"));
    chmod(file, 0600);
    assert_int_equal(exclaim_xapi_password(file, text, sizeof(text), &err), 0);
    assert_string_equal(text, "from file");
    put_text(file, "0123456789abcdef\n");
    assert_int_equal(exclaim_xapi_password(file, text, sizeof(text), &err), -1);
    put_text(file, "");
    assert_int_equal(exclaim_xapi_password(file, text, sizeof(text), &err), -1);
    remove(file);
    assert_int_equal(exclaim_xapi_password(file, text, sizeof(text), &err), -1);
    setenv(EXCLAIM_XAPI_PASSWORD_ENV, "from env", 1);
    assert_int_equal(exclaim_xapi_password(NULL, text, sizeof(text), &err), 0);
    assert_string_equal(text, "from env");
    unsetenv(EXCLAIM_XAPI_PASSWORD_ENV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logout),      cmocka_unit_test(tls),
        cmocka_unit_test(server_name), cmocka_unit_test(foreign_certificate),
        cmocka_unit_test(redirect),    cmocka_unit_test(passwords),
        cmocka_unit_test(unreachable), cmocka_unit_test(damaged),
        cmocka_unit_test(servers),     cmocka_unit_test(password_sources),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
