/* SPDX-License-Identifier: BSD-2-Clause */
/* Between test_interpose.c and the process that it starts. */
#ifndef TEST_PLACE_FAKE_H
#define TEST_PLACE_FAKE_H

#define FAKE_NODES   3
#define FAKE_THREADS 4
#define FAKE_PAGES                                                                                 \
    40960u /* of the guest's address space; every 11th region has a hole, every 7th is missing */
#define FAKE_DOMID 7u

/* Whether restore asks for this page. */
static inline int fake_wants(unsigned long page)
{
    const unsigned long region = page / 512;

    return region % 7 != 6 && !(region % 11 == 10 && page % 512 == 77);
}

/* Where a page has to be, if FAKE_UNIT pages at a time lie on the nodes in turn. */
static inline unsigned int fake_node(unsigned long page, unsigned long unit)
{
    return (unsigned int)((page / unit + 1) % FAKE_NODES);
}

/*
 * The process prints one line: what xc_domain_restore() returned and its errno, pages per node,
 * then those populated twice, never, and without being asked for, the pages of another domain,
 * those on another node than FAKE_UNIT says (0 without it), and its peak memory in KiB.
 */
#define FAKE_LINE "%d %d %lu %lu %lu %lu %lu %lu %lu %lu %lu\n"

#endif
