/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of src/pool share: the memory of a pool, and what every source must check. */
#ifndef POOL_WORK_H
#define POOL_WORK_H

#include <exclaim/pool.h>

/*
 * Zeroed memory that exclaim_pool_free() gives back; NULL when there is none.  A pool's first
 * allocation sets pool->memory.
 */
void *pool_alloc(struct exclaim_pool *pool, size_t nr, size_t size);

/* A copy of at most @len bytes, made safe for a terminal by exclaim_clean().  NULL only without
 * memory. */
const char *pool_text(struct exclaim_pool *pool, const char *text, size_t len);
const char *pool_textf(struct exclaim_pool *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The memory of @from becomes @pool's; @from is empty afterwards. */
void pool_adopt(struct exclaim_pool *pool, struct exclaim_pool *from);

int pool_no_memory(struct exclaim_error *err);

/* "17.2.1-pre" as up to four numbers; what is behind them does not count. */
void pool_version(const char *text, uint32_t part[4]);

/* All hosts of the pool. */
void pool_allow_all(const struct exclaim_pool *pool, struct exclaim_pool_vm *vm);
void pool_allow(struct exclaim_pool_vm *vm, uint32_t host);

/* Takes the hosts of @host[] out of vm->allowed, but for its own, and remembers why; @why is the
 * pool's. */
int pool_bar(struct exclaim_pool *pool, struct exclaim_pool_vm *vm, const uint64_t *host,
             const char *why, struct exclaim_error *err);

/* Fills in what follows from other fields (arrival_pages) and checks everything: indices, node ids,
 * sums, limits.  STREAM with host, VM, value and limit. */
int pool_finish(struct exclaim_pool *pool, struct exclaim_error *err);

#endif
