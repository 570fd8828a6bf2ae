/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_LIMITS_H
#define EXCLAIM_LIMITS_H

/*
 * Node ids handled are 0 .. EXCLAIM_NODES_MAX - 1.  64 is MAX_NUMNODES of every x86 Xen from 4.17
 * on unless it was configured smaller (xen/arch/x86/Kconfig, CONFIG_NR_NUMA_NODES).
 */
#define EXCLAIM_NODES_MAX 64

#define EXCLAIM_PAGE_SHIFT 12
#define EXCLAIM_PAGE_SIZE  (1u << EXCLAIM_PAGE_SHIFT)

/*
 * Xen allocates extents of 2^order pages; libxenguest asks for those of 4 KiB, 2 MiB and 1 GiB, for
 * which x86 has page table entries (xen/include/asm-x86/page.h, PAGE_ORDER_*).
 */
#define EXCLAIM_ORDER_2M 9u
#define EXCLAIM_ORDER_1G 18u
#define EXCLAIM_PAGES_2M (1u << EXCLAIM_ORDER_2M)

enum exclaim_extent { EXCLAIM_EXTENT_4K, EXCLAIM_EXTENT_2M, EXCLAIM_EXTENT_1G, EXCLAIM_EXTENTS };

/*
 * More pages than any host has: 2^40 pages are 4 PiB.  Numbers from the wire above it are refused
 * before they are added up.
 */
#define EXCLAIM_PAGES_MAX (1ull << 40)

#define EXCLAIM_UUID_BYTES 16
#define EXCLAIM_UUID_TEXT  37 /* with the terminating zero */

#endif
