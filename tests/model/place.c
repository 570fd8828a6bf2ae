/* SPDX-License-Identifier: BSD-2-Clause */
/* The placing object's callback over the model instead of libxenctrl. */
#include "place.h"

#include <errno.h>

long model_place_run(void *arg, const struct quota_run *run)
{
    const struct model_place *place = arg;
    uint32_t flags =
        run->node == QUOTA_ANY_NODE ? place->mem_flags : MODEL_MEMF_EXACT_NODE(run->node);
    long done = model_populate(place->m, place->domid, run->nr, run->order, flags);

    if (done < 0) {
        errno = (int)-done;
        return -1;
    }
    return done;
}
