/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part in its two forms; see exclaim_pool_unpack(). */
#ifndef POOL_WIRE_H
#define POOL_WIRE_H

#include "work.h"

/* Each fills an empty pool with one host and its VMs, unchecked but for what would not fit. */
int part_unpack(const void *data, size_t size, struct exclaim_pool *pool,
                struct exclaim_error *err);
int part_parse(const char *text, size_t size, struct exclaim_pool *pool, struct exclaim_error *err);

/* Room for one host with @nr_vms VMs, which all run on it. */
int part_alloc(struct exclaim_pool *pool, uint32_t nr_vms, struct exclaim_error *err);

/* Copies the texts, NULL being "", and derives what follows from them. */
int part_host_texts(struct exclaim_pool *pool, const char *uuid, const char *name,
                    const char *xen_version, const char *why, struct exclaim_error *err);
int part_vm_texts(struct exclaim_pool *pool, struct exclaim_pool_vm *vm, const uint8_t *uuid,
                  const char *name, const char *why, struct exclaim_error *err);

#endif
