/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs src/place/quota.c over the model. */
#ifndef MODEL_PLACE_H
#define MODEL_PLACE_H

#include "place/quota.h"
#include "model/model.h"

struct model_place {
    struct model *m;
    uint32_t domid;
    uint32_t mem_flags; /* of the caller, for extents without a quota */
};

/* A quota_populate_fn; @arg is a struct model_place. */
long model_place_run(void *arg, const struct quota_run *run);

#endif
