/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Encode and decode of the record for 2, 8 and 64 nodes: time per call and size.  The yardstick
 * beside it in the same run is a plain copy of the record's bytes, so that a noisy machine shows in
 * both columns.
 */
#include <exclaim/record.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS  2000
#define REPEATS 7

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void fill(struct exclaim_reservation *res, uint32_t nodes)
{
    memset(res, 0, sizeof(*res));
    memcpy(res->uuid, "0123456789abcdef", sizeof(res->uuid));
    strcpy(res->source_host, "host");
    strcpy(res->xen_version, "4.17.7");
    res->count.nr_nodes = nodes;
    res->count.method = EXCLAIM_FROM_CONSOLE;
    res->count.exact = true;
    for (uint32_t i = 0; i < nodes; i++) {
        res->count.pages[i] = 4000000 + i; /* some 16 GiB a node */
        res->count.total_pages += res->count.pages[i];
        for (uint32_t j = 0; j < nodes; j++) {
            res->distance[i][j] = i == j ? 10 : 21;
        }
    }
    res->max_pages = res->count.total_pages + 1024;
    res->vcpus = 16;
    res->time_unix_ms = 1700000000000;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static void must(int rc, const struct exclaim_error *err)
{
    if (rc) {
        fprintf(stderr, "bench_record: %s\n", err->text);
        exit(1);
    }
}

static void measure(uint32_t nodes)
{
    static struct exclaim_reservation res, back;
    static uint8_t buf[EXCLAIM_PREFIX_MAX], copy[EXCLAIM_PREFIX_MAX];
    double encode = 1e30, decode = 1e30, plain = 1e30;
    struct exclaim_error err = { 0 };
    struct exclaim_prefix prefix;
    size_t len = 0;

    fill(&res, nodes);
    for (int r = 0; r < REPEATS; r++) {
        double t = now_us();

        for (int i = 0; i < ROUNDS; i++) {
            must(
                exclaim_prefix_encode(&res, EXCLAIM_GUEST_HVM, 4, 17, buf, sizeof(buf), &len, &err),
                &err);
        }
        encode = smaller(encode, (now_us() - t) / ROUNDS);
        t = now_us();
        for (int i = 0; i < ROUNDS; i++) {
            must(exclaim_prefix_scan(buf, len, &prefix, &err), &err);
            must(exclaim_body_decode(buf + prefix.body, prefix.body_size, &back, &err), &err);
        }
        decode = smaller(decode, (now_us() - t) / ROUNDS);
        t = now_us();
        for (int i = 0; i < ROUNDS; i++) {
            memcpy(copy, buf, len);
            __asm__ volatile("" : : "r"(copy) : "memory");
        }
        plain = smaller(plain, (now_us() - t) / ROUNDS);
    }
    printf("%5" PRIu32 "  %5zu  %9.2f  %9.2f  %9.3f\n", nodes, len, encode, decode, plain);
}

int main(void)
{
    puts("nodes  bytes  encode_us  decode_us  memcpy_us");
    measure(2);
    measure(8);
    measure(64);
    return 0;
}
