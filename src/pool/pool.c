/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool as data: its memory, its names, versions and agility. */
#include "work.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"

/* One allocation; they are given back together. */
struct block {
    struct block *next;
    max_align_t data[];
};

void *pool_alloc(struct exclaim_pool *pool, size_t nr, size_t size)
{
    struct block *block;
    size_t bytes;

    if (__builtin_mul_overflow(nr, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(*block), &bytes)) {
        return NULL;
    }
    block = calloc(1, bytes);
    if (!block) {
        return NULL;
    }
    block->next = pool->memory;
    pool->memory = block;
    return block->data;
}

const char *pool_text(struct exclaim_pool *pool, const char *text, size_t len)
{
    char *copy;

    len = strnlen(text, len);
    copy = pool_alloc(pool, len + 1, 1);
    if (copy) {
        memcpy(copy, text, len);
        exclaim_clean(copy);
    }
    return copy;
}

const char *pool_textf(struct exclaim_pool *pool, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return pool_text(pool, len < 0 ? "" : text, sizeof(text));
}

void pool_adopt(struct exclaim_pool *pool, struct exclaim_pool *from)
{
    struct block *last = from->memory;

    if (last) {
        while (last->next) {
            last = last->next;
        }
        last->next = pool->memory;
        pool->memory = from->memory;
    }
    *from = (struct exclaim_pool){ 0 };
}

int pool_no_memory(struct exclaim_error *err)
{
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "pool snapshot");
}

void exclaim_pool_free(struct exclaim_pool *pool)
{
    struct block *block = pool->memory, *next;

    for (; block; block = next) {
        next = block->next;
        free(block);
    }
    memset(pool, 0, sizeof(*pool));
}

void pool_version(const char *text, uint32_t part[4])
{
    for (unsigned int i = 0; i < 4; i++) {
        char *end;
        unsigned long n;

        if (*text < '0' || *text > '9') {
            return;
        }
        n = strtoul(text, &end, 10);
        part[i] = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        text = *end == '.' || *end == '-' ? end + 1 : end;
    }
}

bool exclaim_host_version_older(const struct exclaim_host_version *to,
                                const struct exclaim_host_version *from)
{
    for (int at = 0; at < 12; at += 4) {
        for (int i = at; i < at + 4; i++) {
            if (to->part[i] != from->part[i]) {
                if (to->part[i] < from->part[i]) {
                    return true;
                }
                break;
            }
        }
    }
    return false;
}

bool exclaim_pool_may_run(const struct exclaim_pool_vm *vm, uint32_t host)
{
    return host < EXCLAIM_POOL_HOSTS && (vm->allowed[host / 64] >> (host % 64) & 1);
}

void pool_allow(struct exclaim_pool_vm *vm, uint32_t host)
{
    vm->allowed[host / 64] |= 1ull << (host % 64);
}

void pool_allow_all(const struct exclaim_pool *pool, struct exclaim_pool_vm *vm)
{
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        pool_allow(vm, h);
    }
}

const char *exclaim_pool_why_not(const struct exclaim_pool_vm *vm, uint32_t host)
{
    for (const struct exclaim_bar *bar = vm->bars; bar && host < EXCLAIM_POOL_HOSTS;
         bar = bar->next) {
        if (bar->host[host / 64] >> (host % 64) & 1) {
            return bar->why;
        }
    }
    return "";
}

int pool_bar(struct exclaim_pool *pool, struct exclaim_pool_vm *vm, const uint64_t *host,
             const char *why, struct exclaim_error *err)
{
    struct exclaim_bar *bar = pool_alloc(pool, 1, sizeof(*bar)), **last;
    uint64_t any = 0;

    if (!bar) {
        return pool_no_memory(err);
    }
    bar->why = why;
    for (uint32_t w = 0; w < EXCLAIM_POOL_HOSTS / 64; w++) {
        bar->host[w] = host[w] & vm->allowed[w];
        vm->allowed[w] &= ~host[w];
        any |= bar->host[w];
    }
    if (vm->host < EXCLAIM_POOL_HOSTS) {
        pool_allow(vm, vm->host);
    }
    for (last = &vm->bars; *last; last = &(*last)->next) {
    }
    if (any) {
        *last = bar;
    }
    return 0;
}

int exclaim_pool_forbid(struct exclaim_pool *pool, uint32_t vm, uint32_t host, const char *why,
                        struct exclaim_error *err)
{
    uint64_t hosts[EXCLAIM_POOL_HOSTS / 64] = { 0 };
    const char *copy = pool_text(pool, why, strlen(why));

    if (!copy) {
        return pool_no_memory(err);
    }
    hosts[host / 64] = 1ull << (host % 64);
    return pool_bar(pool, &pool->vm[vm], hosts, copy, err);
}
