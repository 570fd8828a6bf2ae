/* SPDX-License-Identifier: BSD-2-Clause */
/* The bytes in front of a libxc stream: headers and record, written and read. */
#include <exclaim/record.h>

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#define IHDR_ID      0x58454e46u /* "XENF" */
#define IHDR_VERSION 3u
#define BODY_MAGIC   "EXCLAIM" /* eight bytes with its zero */

/* xen tools/libs/guest/xg_sr_stream_format.h; the image header is big endian. */
struct image_header {
    uint64_t marker;
    uint32_t id;
    uint32_t version;
    uint16_t options;
    uint16_t reserved1;
    uint32_t reserved2;
};

struct domain_header {
    uint32_t type;
    uint16_t page_shift;
    uint16_t reserved;
    uint32_t xen_major;
    uint32_t xen_minor;
};

struct record_header {
    uint32_t type;
    uint32_t length;
};

struct body_header {
    char magic[8];
    uint32_t version;
    uint32_t length;
    uint32_t crc32c;
    uint32_t zero;
};

_Static_assert(sizeof(struct image_header) == 24, "image header");
_Static_assert(sizeof(struct domain_header) == 16, "domain header");
_Static_assert(sizeof(struct image_header) + sizeof(struct domain_header) == EXCLAIM_STREAM_HEADERS,
               "headers that the emulator writes once more");
_Static_assert(sizeof(struct record_header) == EXCLAIM_RECORD_HEADER, "record header");
_Static_assert(sizeof(struct body_header) == EXCLAIM_BODY_HEADER, "body header");

static size_t round_up8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

int exclaim_prefix_encode(const struct exclaim_reservation *res, enum exclaim_guest_type type,
                          uint32_t xen_major, uint32_t xen_minor, void *buf, size_t size,
                          size_t *len, struct exclaim_error *err)
{
    const size_t body_at = EXCLAIM_STREAM_HEADERS + EXCLAIM_RECORD_HEADER;
    const size_t proto_at = body_at + EXCLAIM_BODY_HEADER;
    struct image_header ihdr = { .marker = UINT64_MAX,
                                 .id = htobe32(IHDR_ID),
                                 .version = htobe32(IHDR_VERSION) };
    struct domain_header dhdr = { .type = htole32((uint32_t)type),
                                  .page_shift = htole16(EXCLAIM_PAGE_SHIFT),
                                  .xen_major = htole32(xen_major),
                                  .xen_minor = htole32(xen_minor) };
    struct record_header rhdr = { .type = htole32(EXCLAIM_RECORD_TYPE) };
    struct body_header bhdr = { .magic = BODY_MAGIC, .version = htole32(EXCLAIM_RECORD_VERSION) };
    uint8_t *out = buf;
    size_t room, proto_len, body_len;

    if (size < proto_at) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "record: room for %zu bytes, need %zu",
                            size, proto_at);
    }
    room = size - proto_at;
    if (room > EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER) {
        room = EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER;
    }
    room &= ~(size_t)7; /* the padding must fit as well */
    if (exclaim_reservation_pack(res, out + proto_at, room, &proto_len, err)) {
        return -1;
    }
    body_len = EXCLAIM_BODY_HEADER + round_up8(proto_len);
    memset(out + proto_at + proto_len, 0, round_up8(proto_len) - proto_len);

    bhdr.length = htole32((uint32_t)proto_len);
    bhdr.crc32c = htole32(exclaim_crc32c(out + proto_at, proto_len));
    rhdr.length = htole32((uint32_t)(body_len + EXCLAIM_STREAM_HEADERS));

    memcpy(out, &ihdr, sizeof(ihdr));
    memcpy(out + sizeof(ihdr), &dhdr, sizeof(dhdr));
    memcpy(out + EXCLAIM_STREAM_HEADERS, &rhdr, sizeof(rhdr));
    memcpy(out + body_at, &bhdr, sizeof(bhdr));
    *len = body_at + body_len;
    return 0;
}

static int absent(struct exclaim_prefix *prefix, const char *why)
{
    prefix->state = EXCLAIM_PREFIX_ABSENT;
    prefix->why = why;
    return 0;
}

static int more(struct exclaim_prefix *prefix, size_t need)
{
    prefix->state = EXCLAIM_PREFIX_MORE;
    prefix->need = need;
    return 0;
}

/* Another stream shows itself by its first bytes, before 48 of them have come. */
static const char *other_stream(const uint8_t *in, size_t len)
{
    struct image_header ihdr = { .marker = UINT64_MAX,
                                 .id = htobe32(IHDR_ID),
                                 .version = htobe32(IHDR_VERSION) };
    size_t n = len < 12 ? len : 12;

    if (memcmp(in, &ihdr, n) != 0) {
        return "not a libxc stream";
    }
    n = len < 16 ? len : 16;
    if (memcmp(in, &ihdr, n) != 0) {
        return "a libxc stream of another version than 3";
    }
    return NULL;
}

int exclaim_prefix_scan(const void *buf, size_t len, struct exclaim_prefix *prefix,
                        struct exclaim_error *err)
{
    const uint8_t *in = buf;
    const size_t body_at = EXCLAIM_STREAM_HEADERS + EXCLAIM_RECORD_HEADER;
    struct domain_header dhdr;
    struct record_header rhdr;
    struct body_header bhdr;
    size_t padded;
    const char *why = other_stream(in, len);

    memset(prefix, 0, sizeof(*prefix));
    if (why) {
        return absent(prefix, why);
    }
    if (len < body_at) {
        return more(prefix, body_at);
    }
    memcpy(&dhdr, in + sizeof(struct image_header), sizeof(dhdr));
    memcpy(&rhdr, in + EXCLAIM_STREAM_HEADERS, sizeof(rhdr));
    if (le32toh(rhdr.type) != EXCLAIM_RECORD_TYPE) {
        return absent(prefix, "a libxc stream without a reservation");
    }
    if (le32toh(rhdr.length) < EXCLAIM_BODY_HEADER ||
        le32toh(rhdr.length) > EXCLAIM_RECORD_MAX + EXCLAIM_STREAM_HEADERS) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: length %" PRIu32 ", must be %u to %u", le32toh(rhdr.length),
                            EXCLAIM_BODY_HEADER, EXCLAIM_RECORD_MAX + EXCLAIM_STREAM_HEADERS);
    }
    if (len < body_at + EXCLAIM_BODY_HEADER) {
        return more(prefix, body_at + EXCLAIM_BODY_HEADER);
    }
    memcpy(&bhdr, in + body_at, sizeof(bhdr));
    if (le32toh(bhdr.length) > EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: %" PRIu32 " protobuf bytes, limit %u", le32toh(bhdr.length),
                            EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER);
    }
    padded = EXCLAIM_BODY_HEADER + round_up8(le32toh(bhdr.length));
    if (padded > le32toh(rhdr.length)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: body of %zu bytes is longer than the record's %" PRIu32,
                            padded, le32toh(rhdr.length));
    }
    if (len < body_at + padded) {
        return more(prefix, body_at + padded);
    }
    prefix->state = EXCLAIM_PREFIX_COMPLETE;
    prefix->type = le32toh(dhdr.type) == EXCLAIM_GUEST_PV ? EXCLAIM_GUEST_PV : EXCLAIM_GUEST_HVM;
    prefix->body = body_at;
    prefix->body_size = padded;
    return 0;
}

int exclaim_body_decode(const void *body, size_t size, struct exclaim_reservation *res,
                        struct exclaim_error *err)
{
    const uint8_t *in = body;
    struct body_header bhdr;
    uint32_t length, crc;

    if (size < sizeof(bhdr)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "record: %zu bytes, at least %zu needed",
                            size, sizeof(bhdr));
    }
    memcpy(&bhdr, in, sizeof(bhdr));
    if (memcmp(bhdr.magic, BODY_MAGIC, sizeof(bhdr.magic)) != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0, "record: does not begin with \"EXCLAIM\"");
    }
    if (le32toh(bhdr.version) != EXCLAIM_RECORD_VERSION) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: version %" PRIu32 ", this program knows %u",
                            le32toh(bhdr.version), EXCLAIM_RECORD_VERSION);
    }
    length = le32toh(bhdr.length);
    if (length > EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER || length > size - sizeof(bhdr)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: %" PRIu32 " protobuf bytes, only %zu there (limit %u)", length,
                            size - sizeof(bhdr), EXCLAIM_RECORD_MAX - EXCLAIM_BODY_HEADER);
    }
    crc = exclaim_crc32c(in + sizeof(bhdr), length);
    if (crc != le32toh(bhdr.crc32c)) {
        return exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                            "record: CRC-32C %08" PRIx32 " of %" PRIu32
                            " protobuf bytes, header says %08" PRIx32,
                            crc, length, le32toh(bhdr.crc32c));
    }
    return exclaim_reservation_unpack(in + sizeof(bhdr), length, res, err);
}
