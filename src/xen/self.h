/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine pages behind another domain's frames, read from the page tables of this process.
 *
 * A PV dom0's own tables hold machine frames, and Xen itself writes those of the frames that a
 * process maps from another domain (xen/arch/x86/mm.c, mod_l1_entry()).  Linux hides them from
 * /proc/self/pagemap, so the tables are found by their machine addresses.  Nothing that a guest
 * can write is read: only tables that Xen has validated.
 */
#ifndef XEN_SELF_H
#define XEN_SELF_H

#include "nodes.h"

/* A window of 2 MiB less the page of our own that keeps its table in being. */
#define XEN_SELF_PAGES 511u

#define XEN_NO_MFN UINT64_MAX

struct xen_self {
    struct exclaim_xen *xen;
    const struct xen_nodes *nodes;
    xenforeignmemory_handle *fmem; /* @xen's */
    uint8_t *area;                 /* address space that is ours: 4 MiB, without access */
    uint8_t *window;             /* the 2 MiB in it that one table covers; its first page is ours */
    const volatile uint64_t *l1; /* that table */
    uint64_t own_mfn;            /* of the window's first page */
    uint32_t vcpus;              /* of dom0 */
    int refused;                 /* errno of the last page of dom0 that could not be mapped */
    char *why;
    size_t why_size;
};

/*
 * Finds the table of a window of this process.  @xen's handle must have been opened by this very
 * process.  Takes a second thread for a few milliseconds.  False with the reason in @why, which is
 * kept for the functions below.  xen_self_close() after either.
 */
bool xen_self_open(struct exclaim_xen *xen, const struct xen_nodes *nodes, struct xen_self *self,
                   char *why, size_t size);
void xen_self_close(struct xen_self *self);

/*
 * mfn[i]: the machine page of frame gfn[i] of @domid, XEN_NO_MFN if it could not be mapped; @nr up
 * to XEN_SELF_PAGES.  The frames are mapped while this runs, no longer.  False with the reason.
 */
bool xen_self_look(struct xen_self *self, uint32_t domid, const xen_pfn_t *gfn, uint32_t nr,
                   uint64_t *mfn);

#endif
