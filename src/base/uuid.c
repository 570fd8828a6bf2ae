/* SPDX-License-Identifier: BSD-2-Clause */
/* UUIDs as text, and which of xenopsd's two names for an arriving VM a handle is. */
#include <exclaim/uuid.h>

#include <ctype.h>
#include <string.h>

/* Where the dashes of 8-4-4-4-12 stand. */
static bool is_dash(unsigned int pos)
{
    return pos == 8 || pos == 13 || pos == 18 || pos == 23;
}

void exclaim_uuid_format(const uint8_t uuid[EXCLAIM_UUID_BYTES], char text[EXCLAIM_UUID_TEXT])
{
    static const char digit[] = "0123456789abcdef";
    unsigned int pos = 0;

    for (unsigned int i = 0; i < EXCLAIM_UUID_BYTES; i++) {
        if (is_dash(pos)) {
            text[pos++] = '-';
        }
        text[pos++] = digit[uuid[i] >> 4];
        text[pos++] = digit[uuid[i] & 0xf];
    }
    text[pos] = '\0';
}

bool exclaim_uuid_parse(const char *text, uint8_t uuid[EXCLAIM_UUID_BYTES])
{
    unsigned int nibble = 0;

    if (strlen(text) != EXCLAIM_UUID_TEXT - 1) {
        return false;
    }
    memset(uuid, 0, EXCLAIM_UUID_BYTES);

    for (unsigned int pos = 0; pos < EXCLAIM_UUID_TEXT - 1; pos++) {
        unsigned char c = (unsigned char)tolower((unsigned char)text[pos]);
        unsigned int value;

        if (is_dash(pos)) {
            if (c != '-') {
                return false;
            }
            continue;
        }
        if (!isxdigit(c)) {
            return false;
        }
        value = isdigit(c) ? (unsigned int)(c - '0') : (unsigned int)(c - 'a') + 10u;
        uuid[nibble / 2] = (uint8_t)(uuid[nibble / 2] | (nibble % 2 ? value : value << 4));
        nibble++;
    }
    return true;
}

bool exclaim_uuid_arrives(const uint8_t vm[EXCLAIM_UUID_BYTES],
                          const uint8_t handle[EXCLAIM_UUID_BYTES])
{
    static const uint8_t temporary[] = { 0, 0, 0, 0, 0, 1 };
    const size_t kept = EXCLAIM_UUID_BYTES - sizeof(temporary);

    return !memcmp(vm, handle, EXCLAIM_UUID_BYTES) ||
           (!memcmp(vm, handle, kept) && !memcmp(handle + kept, temporary, sizeof(temporary)));
}
