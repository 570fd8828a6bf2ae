/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What xenopsd does with a domain around a migration, by the host's own libxenctrl and libxenstore (/rig/lib), loaded at run time; only
 * calls whose prototypes are the same in Xen 4.17 to 4.22. A call that fails says why on stderr and returns -1, unless told otherwise.
 */
#ifndef RIG_DOMAIN_H
#define RIG_DOMAIN_H

#include <stdint.h>

struct domain {
    uint32_t id;
    uint32_t store_port, console_port;
    char uuid[37], name[64];
};

struct domain_state {
    uint64_t tot_pages, max_pages;
    uint32_t vcpus;
    int shutdown; /* why the guest shut down (2: suspended), -1: it runs */
};

void domain_open(void); /* exits if the libraries cannot be loaded */
int domain_state(uint32_t id, struct domain_state *state);
/* uuid and name of a domain of any toolstack, from xenstore. */
int domain_named(uint32_t id, struct domain *domain);
/* An empty PVH domain with domain->name and xenopsd's temporary uuid for domain->uuid as its handle; fills the rest. claim_pages 0: no claim. */
int domain_create(struct domain *domain, uint32_t vcpus, uint64_t max_kib, uint64_t claim_pages);
/* After a restore: its own uuid, xenstore and console, and off it goes. */
int domain_finish(const struct domain *domain, unsigned long store_mfn, unsigned long console_mfn);
int domain_suspend(uint32_t id, unsigned seconds);
int domain_resume(uint32_t id);
void domain_destroy(const struct domain *domain);

#endif
