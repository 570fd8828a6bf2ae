/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32C (Castagnoli), as the record carries it. */
#include <exclaim/record.h>

/*
 * Bit by bit: at most 64 KiB once per migration, so a table would only be more to read.
 * 0x82f63b78 is the Castagnoli polynomial, bits reversed.
 */
uint32_t exclaim_crc32c(const void *buf, size_t len)
{
    const uint8_t *byte = buf;
    uint32_t crc = ~0u;

    for (size_t i = 0; i < len; i++) {
        crc ^= byte[i];
        for (unsigned int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}
