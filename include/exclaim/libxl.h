/* SPDX-License-Identifier: BSD-2-Clause */
/* What libxl tells its save helper, and what it keeps about a domain. */
#ifndef EXCLAIM_LIBXL_H
#define EXCLAIM_LIBXL_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/reservation.h>

/* xen tools/libs/light/libxl_save_helper.c, main(): the same in 4.17 to 4.22. */
struct exclaim_libxl_args {
    bool known;    /* one of the two modes with as many arguments as we know */
    bool save;     /* else restore */
    int stream_fd; /* -1: where it should stand is none */
    uint32_t domid;
    uint32_t flags;       /* save: XCFLAGS_* */
    uint32_t stream_type; /* 0 plain, 1 Remus, 2 COLO */
    bool restores;        /* --restore-domain, whatever follows */
};

#define EXCLAIM_LIBXL_XCFLAGS_LIVE 1u
#define EXCLAIM_LIBXL_STREAM_PLAIN 0u

/* `stream_fd` and `domid` of an unknown form are what stands in their place, as a guess. */
void exclaim_libxl_parse_args(int argc, char *const *argv, struct exclaim_libxl_args *args);

/*
 * Who chose the vCPUs' soft affinity of a running domain: libxl stores a user's choice as
 * vcpu_soft_affinity or cpumap in <dir>/userdata-d.<domid>.<uuid>.libxl-json.  UNKNOWN without that
 * file.
 */
enum exclaim_soft_affinity exclaim_libxl_soft_affinity(const char *dir, uint32_t domid,
                                                       const uint8_t uuid[EXCLAIM_UUID_BYTES]);

#define EXCLAIM_LIBXL_USERDATA_DIR "/var/lib/xen"

#endif
