/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32C: published vectors, and the CPU's own instruction where it has one. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <exclaim/record.h>

/* RFC 3720 appendix B.4, and the check value of the CRC catalogues. */
static void vectors(void **state)
{
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
    static const uint8_t read_pdu[48] = {
        0x01,        0xc0,        [16] = 0x14, [22] = 0x04, [26] = 0,
        [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    const struct {
        const void *data;
        size_t len;
        uint32_t crc;
    } cases[] = {
        { zeros, 32, 0x8a9136aa },
        { ones, 32, 0x62a8ab43 },
        { up, 32, 0x46dd794e },
        { down, 32, 0x113fdb5c },
        { read_pdu, 48, 0xd9963a56 },
        { "123456789", 9, 0xe3069283 },
        { "", 0, 0 },
        { "a", 1, 0xc1d04330 },
    };

    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(exclaim_crc32c(cases[i].data, cases[i].len), cases[i].crc);
    }
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(const uint8_t *p, size_t len)
{
    uint32_t crc = ~0u;

    while (len--) {
        crc = __builtin_ia32_crc32qi(crc, *p++);
    }
    return ~crc;
}

/* The CPU has the same polynomial built in. */
static void against_cpu(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("sse4.2")) {
        skip();
    }
    srand(7);
    for (size_t len = 0; len < 300; len++) {
        uint8_t *buf = malloc(len ? len : 1);

        for (size_t i = 0; i < len; i++) {
            buf[i] = (uint8_t)(rand() >> 7);
        }
        assert_int_equal(exclaim_crc32c(buf, len), by_instruction(buf, len));
        free(buf);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
#ifdef __x86_64__
        cmocka_unit_test(against_cpu),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
