/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reservation as an optional record of a libxc migration stream, version 3
 * (xen docs/specs/libxc-migration-stream.pandoc; ours: docs/wire-format.md).
 *
 *   offset  size  content
 *        0    24  image header, big endian: marker ~0, id "XENF", version 3, options 0
 *       24    16  domain header, little endian: type 1 PV / 2 HVM, page shift 12, 0, Xen version
 *       40     8  record header: type EXCLAIM_RECORD_TYPE, length L
 *       48    24  "EXCLAIM\0", u32 version 1, u32 protobuf length n, u32 CRC-32C, u32 0
 *       72     n  the protobuf bytes, zero padded to a multiple of 8
 *
 * The source writes all of the above before the real emulator starts; the emulator then writes its
 * own 40 header bytes.  So L counts 40 bytes more than our body: a reader of the stream, aware or
 * not, skips the second pair of headers as the record's tail.
 */
#ifndef EXCLAIM_RECORD_H
#define EXCLAIM_RECORD_H

#include <exclaim/reservation.h>

#define EXCLAIM_RECORD_TYPE    0x8058434Cu
#define EXCLAIM_RECORD_VERSION 1u

#define EXCLAIM_STREAM_HEADERS 40u          /* image header and domain header */
#define EXCLAIM_RECORD_HEADER  8u           /* type and length */
#define EXCLAIM_BODY_HEADER    24u          /* what stands before the protobuf bytes */
#define EXCLAIM_RECORD_MAX     (64u * 1024) /* the whole record body, headers and padding included */

/* Everything the source writes, at most. */
#define EXCLAIM_PREFIX_MAX (EXCLAIM_STREAM_HEADERS + EXCLAIM_RECORD_HEADER + EXCLAIM_RECORD_MAX)

enum exclaim_guest_type { EXCLAIM_GUEST_PV = 1, EXCLAIM_GUEST_HVM = 2 };

/*
 * The bytes for the source to write in front of the emulator's own: headers and record.
 * @xen_major and @xen_minor go into the domain header, which only logs them; major must not be 0.
 */
int exclaim_prefix_encode(const struct exclaim_reservation *res, enum exclaim_guest_type type,
                          uint32_t xen_major, uint32_t xen_minor, void *buf, size_t size,
                          size_t *len, struct exclaim_error *err);

enum exclaim_prefix_state {
    EXCLAIM_PREFIX_MORE,     /* undecided: at least `need` bytes of the stream must be seen */
    EXCLAIM_PREFIX_ABSENT,   /* a stream without our record, or no libxc stream at all */
    EXCLAIM_PREFIX_COMPLETE, /* `len` bytes hold the whole record */
};

struct exclaim_prefix {
    enum exclaim_prefix_state state;
    size_t need;     /* MORE: bytes wanted from the start of the stream, at most PREFIX_MAX */
    const char *why; /* ABSENT: what the stream is instead; a static string */
    enum exclaim_guest_type type;
    size_t body;      /* COMPLETE: offset of the body */
    size_t body_size; /* COMPLETE: bytes of the body, without the swallowed tail */
};

/*
 * Looks at the first @len bytes of a stream and says whether the record is there.
 * Reads nothing beyond @len; never fails on content: a damaged record gives STREAM.
 */
int exclaim_prefix_scan(const void *buf, size_t len, struct exclaim_prefix *prefix,
                        struct exclaim_error *err);

/* Decodes a body found by exclaim_prefix_scan(), or a record saved on its own ("EXCLAIM\0" first).
 * STREAM on anything wrong: magic, version, lengths, CRC, and the rules of the reservation. */
int exclaim_body_decode(const void *body, size_t size, struct exclaim_reservation *res,
                        struct exclaim_error *err);

/* CRC-32C (Castagnoli), as in RFC 3720 appendix B.4. */
uint32_t exclaim_crc32c(const void *buf, size_t len);

/*
 * Shows the first bytes waiting in a stream without consuming any: MSG_PEEK on a socket, tee(2) on
 * a pipe, pread(2) on a file.  Waits until @need bytes are there, the peer has closed, or
 * @timeout_ms is over; *len is what was seen (at most @size).  An early end is no error: *len <
 * need, *closed.
 * @cancel_fd (or -1) ends the wait when it becomes readable.
 * UNSUPPORTED: the descriptor is of another type.
 */
int exclaim_peek(int fd, void *buf, size_t size, size_t need, int timeout_ms, int cancel_fd,
                 size_t *len, bool *closed, struct exclaim_error *err);

/* Peeks and decodes.  *found is false for a stream of an unaware peer (then *why says what was
 * seen). STREAM for a damaged record. */
int exclaim_record_peek(int fd, int timeout_ms, int cancel_fd, struct exclaim_reservation *res,
                        bool *found, const char **why, struct exclaim_error *err);

#endif
