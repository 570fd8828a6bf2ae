/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim header`, the real program, on whole, cut and foreign files. */
#include "support.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <exclaim/record.h>

static char dir[64], file[128], conf[160];
static const char *const env[] = { conf, NULL };
static uint8_t *stream; /* headers, record, the emulator's own headers, an END record */
static size_t stream_len, record_end;

static int setup(void **state)
{
    uint8_t *record;
    size_t len;

    (void)state;
    make_dir(dir);
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", dir);
    put_text(strchr(conf, '=') + 1, "");
    record = (uint8_t *)get_file(TEST_DATA "/record-v1.bin", &len);
    record_end = len;
    stream_len = len + EXCLAIM_STREAM_HEADERS + 8;
    stream = calloc(1, stream_len);
    memcpy(stream, record, len);
    memcpy(stream + len, record, EXCLAIM_STREAM_HEADERS);
    free(record);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(stream);
    drop_dir(dir);
    return 0;
}

static void header(struct run *r, const char *path, bool json, const void *input, size_t len)
{
    static const char *argv[5];

    argv[0] = program("EXCLAIM_BIN");
    argv[1] = "header";
    argv[2] = json ? "--json" : path;
    argv[3] = json ? path : NULL;
    *r = (struct run){ .argv = argv, .env = env, .input = input, .input_len = len };
    run(r);
}

static void assert_good(const struct run *r)
{
    if (run_exit(r)) {
        fail_msg("exit %d: %s", run_exit(r), r->err);
    }
    assert_string_equal(r->err, "");
    assert_non_null(strstr(r->out, "10111213-1415-1617-1819-1a1b1c1d1e1f"));
    assert_non_null(strstr(r->out, "33439"));
    assert_non_null(strstr(r->out, "17777"));
    assert_non_null(strstr(r->out, "51216"));
}

static void assert_refused(const struct run *r, int code)
{
    assert_int_equal(run_exit(r), code);
    assert_string_equal(r->out, "");
    assert_one_line(r->err);
}

/* Cut at every offset: all of the record or a refusal, never anything between. */
static void cut(const uint8_t *data, size_t len, size_t enough)
{
    for (size_t n = 0; n <= len; n++) {
        struct run r;

        put_file(file, data, n);
        header(&r, file, n % 2, NULL, 0);
        if (n < enough) {
            assert_refused(&r, 5);
        } else {
            assert_good(&r);
        }
        run_free(&r);
    }
}

static void stream_cut(void **state)
{
    (void)state;
    cut(stream, stream_len, record_end);
}

static void record_cut(void **state)
{
    const size_t proto = stream[60] | (size_t)stream[61] << 8;

    (void)state;
    cut(stream + 48, record_end - 48, 24 + proto);
}

static uint64_t number(json_object *o, const char *key)
{
    json_object *value;

    assert_true(json_object_object_get_ex(o, key, &value));
    return json_object_get_uint64(value);
}

static void json(void **state)
{
    json_object *o, *value, *nodes;
    struct run r;

    (void)state;
    header(&r, "-", true, stream, stream_len);
    assert_good(&r);
    assert_int_equal(count_lines(r.out), 1);
    o = json_tokener_parse(r.out);
    assert_non_null(o);
    assert_true(json_object_object_get_ex(o, "schema", &value));
    assert_string_equal(json_object_get_string(value), "exclaim.header/1");
    assert_true(json_object_object_get_ex(o, "soft_affinity", &value));
    assert_string_equal(json_object_get_string(value), "user");
    assert_int_equal(number(o, "total_pages"), 51216);
    assert_int_equal(number(o, "max_pages"), 51472);
    assert_int_equal(number(o, "shared_pages"), 3);
    assert_int_equal(number(o, "vcpus"), 4);
    assert_int_equal(number(o, "time_unix_ms"), 1764000000123);
    assert_true(json_object_object_get_ex(o, "nodes", &nodes));
    assert_int_equal(json_object_array_length(nodes), 2); /* node 1 holds nothing */
    assert_int_equal(number(json_object_array_get_idx(nodes, 1), "node"), 2);
    assert_int_equal(number(json_object_array_get_idx(nodes, 1), "pages"), 17777);
    json_object_put(o);
    run_free(&r);
}

/* What a toolstack sends first; some of it looks like the marker's beginning. */
static void banner(void **state)
{
    static const uint8_t junk[] = "xl migration receiver ready, \xff\xff\xff\xff\xff\xff\xff\xff"
                                  "XEN\n\n\xff\xff\xff\xff\xff";
    uint8_t *buf = malloc((1u << 20) + sizeof(junk) + stream_len);
    struct run r;
    const size_t before[] = { 0, 1, 4096, 1u << 20 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        size_t n = before[i] + sizeof(junk) - 1;

        memset(buf, 'j', before[i]);
        memcpy(buf + before[i], junk, sizeof(junk) - 1);
        memcpy(buf + n, stream, stream_len);
        put_file(file, buf, n + stream_len);
        header(&r, file, false, NULL, 0);
        assert_good(&r);
        run_free(&r);
        header(&r, "-", false, buf, n + stream_len);
        assert_good(&r);
        run_free(&r);
    }
    free(buf);
}

static void refused(void **state)
{
    static const uint8_t version2[48] = "\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\2";
    uint8_t damaged[512], plain[48];
    const struct {
        const char *what;
        const void *data;
        size_t len;
        const char *text;
    } cases[] = {
        { "empty", "", 0, "neither a record nor a libxc stream" },
        { "text", "hello\nworld\n", 12, "neither a record nor a libxc stream" },
        { "version 2", version2, sizeof(version2), "another version" },
        { "plain", plain, sizeof(plain), "without a reservation" },
        { "damaged", damaged, record_end, "CRC-32C" },
    };

    (void)state;
    memcpy(plain, stream, 48);
    plain[43] = 0;
    memcpy(damaged, stream, record_end);
    damaged[100] ^= 1;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int use_stdin = 0; use_stdin < 2; use_stdin++) {
            struct run r;

            put_file(file, cases[i].data, cases[i].len);
            header(&r, use_stdin ? "-" : file, use_stdin, cases[i].data, cases[i].len);
            assert_refused(&r, 5);
            if (!strstr(r.err, cases[i].text)) {
                fail_msg("%s: %s", cases[i].what, r.err);
            }
            run_free(&r);
        }
    }
}

static void no_file(void **state)
{
    struct run r;

    (void)state;
    header(&r, dir, false, NULL, 0);
    assert_refused(&r, 5);
    run_free(&r);
    remove(file);
    header(&r, file, true, NULL, 0);
    assert_refused(&r, 5);
    assert_non_null(strstr(r.err, "No such file"));
    assert_non_null(strstr(r.err, file));
    run_free(&r);
}

/* A peer's text must not reach the terminal as control characters, nor break the JSON. */
static void hostile_text(void **state)
{
    static const char evil[] = "\x1b[31mred\"\\\n\r\t\x7f\xc3\xa9";
    static struct wire w;
    static uint8_t buf[1024];
    struct run r;
    json_object *o;
    size_t len;

    (void)state;
    wire_minimum(&w);
    wire_bytes(&w, 3, evil, sizeof(evil) - 1);
    wire_bytes(&w, 4, evil, sizeof(evil) - 1);
    wire_bytes(&w, 16, evil, sizeof(evil) - 1);
    len = wire_stream(buf, w.buf, w.len);
    for (int as_json = 0; as_json < 2; as_json++) {
        header(&r, "-", as_json, buf, len);
        assert_int_equal(run_exit(&r), 0);
        for (const char *p = r.out; *p; p++) {
            assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
        }
        if (as_json) {
            o = json_tokener_parse(r.out);
            assert_non_null(o);
            json_object_put(o);
        }
        run_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_cut),   cmocka_unit_test(record_cut), cmocka_unit_test(json),
        cmocka_unit_test(banner),       cmocka_unit_test(refused),    cmocka_unit_test(no_file),
        cmocka_unit_test(hostile_text),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
