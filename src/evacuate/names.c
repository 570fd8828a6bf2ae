/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of names that an evacuation goes by. */
#include "work.h"

#include <stdlib.h>

void evac_free_names(char ***names, uint32_t *nr)
{
    for (uint32_t i = 0; i < *nr; i++) {
        free((*names)[i]);
    }
    free(*names);
    *names = NULL;
    *nr = 0;
}
