/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of agility that have files of their own. */
#ifndef XAPI_AGILITY_H
#define XAPI_AGILITY_H

#include "database.h"

/* --- immovable.c --- */

/* Why XAPI would not migrate the VM at all; "" if it would, NULL without memory. */
const char *immovable(struct database *db, json_object *record);

/* --- gpus.c --- */

/* Fills the pool's GPUs and what is on them now; then the virtual ones of a VM. */
int gpus_prepare(struct database *db, struct exclaim_error *err);
int gpus_of(struct database *db, json_object *record, struct exclaim_pool_vm *vm,
            struct exclaim_error *err);
void gpus_drop(struct database *db);

/* Whether it is a PCI function, which needs an IOMMU (xapi_vgpu_type.ml, requires_passthrough). */
bool gpu_has_function(struct database *db, json_object *vgpu);

/* Why its virtual GPUs could never be on the host, however little is there; "" if they could. */
const char *gpu_lacks(struct database *db, json_object *record, uint32_t host);

#endif
