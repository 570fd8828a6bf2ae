/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger file as it is mapped; shared with the placing object. */
#ifndef EXCLAIM_LEDGER_MAP_H
#define EXCLAIM_LEDGER_MAP_H

#include <exclaim/ledger.h>

#define LEDGER_MAGIC 0x5245474445434c58ull

struct ledger_map {
    uint64_t magic;
    uint32_t entry_size;
    uint32_t slots;
    struct exclaim_ledger_entry entry[EXCLAIM_LEDGER_SLOTS];
};

/* What the placing object finds in its environment: "<ledger fd>:<slot>:<domid>". */
#define EXCLAIM_PLACE_ENV "EXCLAIM_PLACE"

#endif
