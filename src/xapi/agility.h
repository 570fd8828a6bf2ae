/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of agility that have files of their own. */
#ifndef XAPI_AGILITY_H
#define XAPI_AGILITY_H

#include "database.h"

/* --- immovable.c --- */

/* Why XAPI would not migrate the VM at all; "" if it would, NULL without memory. */
const char *immovable(struct database *db, json_object *record);

/* --- gpus.c --- */

/* Why its virtual GPUs find no room on the host, with nobody else moving; "" if they do. */
const char *gpu_lacks(struct database *db, json_object *record, uint32_t host);

#endif
