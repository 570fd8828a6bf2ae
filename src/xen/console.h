/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of Xen's debug key `u`, read as numbers.  Pure: no I/O, no Xen. */
#ifndef XEN_CONSOLE_H
#define XEN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/limits.h>

struct xen_console_count {
    uint64_t total; /* as printed behind the domain */
    uint64_t pages[EXCLAIM_NODES_MAX];
};

/*
 * Finds @domid in the last dump that starts in @text.  True only if the dump names the domain once,
 * every node of @online exactly once and no other, and the nodes add up to the printed total;
 * otherwise false with the reason in @why.  Never guesses from part of a dump.
 */
bool xen_console_parse(const char *text, size_t len, uint32_t domid, uint64_t online,
                       struct xen_console_count *count, char *why, size_t why_size);

#endif
