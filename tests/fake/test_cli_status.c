/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim status` says of VMs whose memory was restored here: whether they still are; and its
 * metrics, by the rules of the text format and of promtool. */
#include "../unit/support.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
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
        domain.name = domid == 1 ? "web\033[31m" : NULL; /* as a toolstack may be told to */
        assert_int_equal(model_create(m, domid, &domain), 0);
    }
    host_unlock(path, m, lock);
    return 0;
}

/* The output of `exclaim status` with one report; @more: instead, these. */
static char *status_of(const char *role, const char *outcome, unsigned int domid, const char *uuid,
                       const char *json, const char *more)
{
    const char *const argv[] = { program("EXCLAIM_BIN"), "status", json, NULL };
    char conf[96], model[128], text[256], reports[96];
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
    put_text(reports, more ? more : text);
    return run_out(&r, 0);
}

static char *status(const char *role, const char *outcome, unsigned int domid, const char *uuid,
                    const char *json)
{
    return status_of(role, outcome, domid, uuid, json, NULL);
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
        const bool named = cases[i].now && !strcmp(cases[i].now, "here") && cases[i].domid == 1;
        json_object *o, *reports, *now, *name;

        assert_non_null(strstr(text, "NOW"));
        assert_int_equal(!!strstr(text, " gone "), cases[i].now && !strcmp(cases[i].now, "gone"));
        assert_int_equal(!!strstr(text, " here "), cases[i].now && !strcmp(cases[i].now, "here"));
        assert_int_equal(!!strstr(text, " web?[31m\n"), named);
        free(text);
        text = status(cases[i].role, cases[i].outcome, cases[i].domid, cases[i].uuid, "--json");
        o = json_tokener_parse(text);
        assert_true(json_object_object_get_ex(o, "reports", &reports));
        assert_int_equal(json_object_array_length(reports), 1);
        assert_int_equal(
            json_object_object_get_ex(json_object_array_get_idx(reports, 0), "domain", &now),
            cases[i].now != NULL);
        assert_int_equal(
            json_object_object_get_ex(json_object_array_get_idx(reports, 0), "name", &name), named);
        if (named) {
            assert_string_equal(json_object_get_string(name), "web\033[31m");
        }
        if (cases[i].now) {
            assert_string_equal(json_object_get_string(now), cases[i].now);
        }
        json_object_put(o);
        free(text);
    }
}

/* One sample as it should be read: name, labels in braces, value. */
static bool is_sample(const char *line)
{
    const char *at = line + strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
    char *end;

    if (at == line || (*line >= '0' && *line <= '9')) {
        return false;
    }
    for (bool first = true; *at == '{' || (!first && *at == ','); first = false) {
        const size_t name = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");

        if (!name || strncmp(at + 1 + name, "=\"", 2) != 0) {
            return false;
        }
        for (at += name + 3; *at && *at != '"'; at++) {
            at += *at == '\\' && at[1];
        }
        if (*at++ != '"') {
            return false;
        }
    }
    at += *at == '}';
    if (*at != ' ') {
        return false;
    }
    (void)strtod(at + 1, &end);
    return end > at + 1 && !*end;
}

static bool ends(const char *text, size_t len, const char *end)
{
    return len > strlen(end) && !strncmp(text + len - strlen(end), end, strlen(end));
}

/* Each family has its help, then its type, then its samples, once and together, each sample once;
 * counters alone end with _total; units are bytes and seconds, written out behind the name. */
static void assert_metrics(const char *text)
{
    static const char *const units[] = { "_ms", "_milliseconds", "_kib", "_mib", "_gib", "_pages" };
    char name[128] = "", seen[64][128], *copy = strdup(text), *at = copy, *line;
    size_t nr = 0;

    assert_int_equal(text[strlen(text) - 1], '\n');
    while ((line = strsep(&at, "\n")) && (*line || at)) {
        char word[128], type[32];
        size_t len;

        if (sscanf(line, "# HELP %127s", word) == 1) {
            for (size_t i = 0; i < nr; i++) {
                assert_string_not_equal(seen[i], word);
            }
            assert_true(nr < ARRAY_SIZE(seen));
            snprintf(seen[nr++], sizeof(seen[0]), "%s", word);
            snprintf(name, sizeof(name), "%s", word);
            assert_memory_equal(name, "exclaim_", 8);
            assert_true(strlen(line) > strlen("# HELP ") + strlen(name) + 5);
            line = strsep(&at, "\n");
            assert_non_null(line);
            assert_int_equal(sscanf(line, "# TYPE %127s %31s", word, type), 2);
            assert_string_equal(word, name);
            assert_true(!strcmp(type, "counter") || !strcmp(type, "gauge"));
            assert_int_equal(ends(name, strlen(name), "_total"), !strcmp(type, "counter"));
            for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                assert_null(strstr(name, units[i]));
            }
            continue;
        }
        if (!is_sample(line)) {
            fail_msg("no sample: %s", line);
        }
        len = strcspn(line, "{ ");
        assert_int_equal(len, strlen(name));
        assert_memory_equal(line, name, len);
        len = (size_t)(strrchr(line, ' ') - line) + 1;
        for (const char *other = text; other; other = strchr(other, '\n')) {
            other += *other == '\n';
            if (!strncmp(other, line, len) && strncmp(other, line, strlen(line)) != 0) {
                fail_msg("twice: %s", line);
            }
        }
    }
    free(copy);
    assert_true(nr > 15);
}

/* Where Prometheus' own checker is installed, it says the same. */
static void assert_promtool(const char *text)
{
    char file[96], command[256];

    if (system("command -v promtool >/dev/null")) {
        print_message("no promtool here: only our own rules were tried\n");
        return;
    }
    snprintf(file, sizeof(file), "%s/metrics", dir);
    put_text(file, text);
    snprintf(command, sizeof(command), "promtool check metrics <%s", file);
    assert_int_equal(system(command), 0);
}

static void assert_has(const char *text, const char *line)
{
    char whole[256];

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (!strstr(text, whole)) {
        fail_msg("no \"%s\" in %s", line, text);
    }
}

/* How often @name stands in @text as a word of its own. */
static unsigned int named(const char *text, const char *name, size_t len)
{
    unsigned int nr = 0;

    for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
        nr += !isalnum((unsigned char)at[len]) && at[len] != '_';
    }
    return nr;
}

/* Every metric is in the manual page, and every one that a document names is a metric. */
static void assert_documented(const char *text)
{
    static const char *const docs[] = { DOCS "/exclaim.8", DOCS "/operating.md" };

    for (size_t i = 0; i < ARRAY_SIZE(docs); i++) {
        char *doc = get_file(docs[i], NULL);
        const char *const before = i ? "`" : ".Ql ";
        unsigned int nr = 0;
        char name[80], type[100];

        for (const char *at = text; !i && (at = strstr(at, "# TYPE ")); at++) {
            assert_int_equal(sscanf(at, "# TYPE %79s", name), 1);
            if (!named(doc, name, strlen(name))) {
                fail_msg("%s is not in %s", name, docs[i]);
            }
        }
        for (const char *at = doc; (at = strstr(at, before)); at++) {
            const char *word = at + strlen(before);
            const size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz_");

            if (strncmp(word, "exclaim_", strlen("exclaim_")) != 0 || len >= sizeof(name)) {
                continue;
            }
            snprintf(type, sizeof(type), "# TYPE %.*s ", (int)len, word);
            if (!strstr(text, type)) {
                fail_msg("%s names %.*s, which is no metric", docs[i], (int)len, word);
            }
            nr++;
        }
        assert_true(nr > 5);
        free(doc);
    }
}

#define DONE(exact, deviation)                                                                     \
    "{\"role\":\"destination\",\"outcome\":\"done\",\"guarantee\":\"host\",\"exact\":" exact       \
    ",\"deviation_pages\":" deviation ",\"time_unix_ms\":1700000000500}\n"
#define REFUSED(error)                                                                             \
    "{\"role\":\"destination\",\"outcome\":\"refused\",\"guarantee\":\"none\",\"exact\":false,"    \
    "\"error\":\"" error "\"}\n"

static void metrics(void **state)
{
    static const char reports[] = DONE("true", "0") DONE("true", "0") DONE("false", "12")
        REFUSED("match: VM needs 400 pages") REFUSED("record: none came") REFUSED("claim: no room")
            REFUSED("claims are things: \\\"x\\\"") "half a line {\"role\":\n"
                                                    "{\"role\":\"source\",\"outcome\":\"sent\"}\n{"
                                                    "\"role\":7,\"outcome\":{}}\n[]\n";
    char *text = status_of("", "", 0, "", "--format=prom", reports);

    (void)state;
    assert_metrics(text);
    assert_promtool(text);
    assert_documented(text);
    assert_has(text, "exclaim_migrations_total{role=\"destination\",outcome=\"done\",exact=\"yes\","
                     "guarantee=\"host\"} 2");
    assert_has(text, "exclaim_migrations_total{role=\"destination\",outcome=\"done\",exact=\"no\","
                     "guarantee=\"host\"} 1");
    assert_has(text, "exclaim_migrations_total{role=\"source\",outcome=\"sent\",exact=\"unknown\","
                     "guarantee=\"unknown\"} 1");
    assert_has(text, "exclaim_refusals_total{step=\"match\"} 1");
    assert_has(text, "exclaim_refusals_total{step=\"record\"} 1");
    assert_has(text, "exclaim_refusals_total{step=\"claim\"} 1");
    assert_has(text, "exclaim_refusals_total{step=\"other\"} 1");
    assert_has(text, "exclaim_refusals_total{step=\"ledger\"} 0");
    assert_has(text, "exclaim_deviation_bytes_total 49152");
    assert_has(text, "exclaim_last_report_timestamp_seconds 1700000000.500");
    assert_has(text, "exclaim_ledger_entries{process=\"running\"} 0");
    assert_has(text, "exclaim_guarantee_info{vm_nodes=\"one\",guarantee=\"host\"} 1");
    assert_has(text, "exclaim_node_free_bytes{node=\"0\"} 4096000");
    assert_non_null(strstr(text, "exclaim_node_claimed_bytes{node=\"0\"} 0\n"));
    assert_non_null(strstr(text, "exclaim_node_claimable_bytes{node=\"0\"} "));
    assert_non_null(strstr(text, "exclaim_build_info{version=\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(restored), cmocka_unit_test(metrics) };

    return cmocka_run_group_tests(tests, setup, drop_made);
}
