/* SPDX-License-Identifier: BSD-2-Clause */
/* One host's part of a pool while it is filled, by whoever takes or reads it. */
#ifndef POOL_PART_H
#define POOL_PART_H

#include "work.h"

/* Room for one host with @nr_vms VMs, which all run on it. */
int part_alloc(struct exclaim_pool *pool, uint32_t nr_vms, struct exclaim_error *err);

/* Copies the texts, NULL being "", and derives what follows from them. */
int part_host_texts(struct exclaim_pool *pool, const char *uuid, const char *name,
                    const char *xen_version, const char *why, struct exclaim_error *err);
int part_vm_texts(struct exclaim_pool *pool, struct exclaim_pool_vm *vm, const uint8_t *uuid,
                  const char *name, const char *why, struct exclaim_error *err);

#endif
