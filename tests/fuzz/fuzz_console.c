/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console ring of any bytes, guests can write parts of it: a count that adds up, or a reason.
 *   fuzz_console -max_total_time=60 corpus/fuzz_console
 */
#include <stdlib.h>
#include <string.h>

#include "xen/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t online[] = { 1, 3, 5, UINT64_MAX, 0 };
    char *text = malloc(size ? size : 1); /* no byte to spare and no zero behind it */

    if (!text) {
        return 0;
    }
    memcpy(text, data, size);
    for (uint32_t domid = 0; domid < 3; domid++) {
        for (unsigned int i = 0; i < sizeof(online) / sizeof(online[0]); i++) {
            struct xen_console_count count;
            char why[40];
            uint64_t sum = 0;

            memset(why, 'x', sizeof(why));
            if (!xen_console_parse(text, size, domid, online[i], &count, why, sizeof(why))) {
                if (!memchr(why, '\0', sizeof(why)) || !why[0]) {
                    abort();
                }
                continue;
            }
            for (unsigned int n = 0; n < EXCLAIM_NODES_MAX; n++) {
                sum += count.pages[n];
                if (count.pages[n] && !(online[i] >> n & 1)) {
                    abort();
                }
            }
            if (sum != count.total) {
                abort();
            }
        }
    }
    free(text);
    return 0;
}
