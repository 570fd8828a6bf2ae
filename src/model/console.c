/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console ring (xen/drivers/char/console.c) and what debug key u prints into it (dump_numa() of
 * xen/arch/x86/numa.c in 4.17, of xen/common/numa.c since).
 */
#include "state.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* conring_puts() of one line with Xen's own prefix; what is not read in time is overwritten. */
static void __attribute__((format(printf, 2, 3))) print(struct model *m, const char *fmt, ...)
{
    const char *prefix = m->timestamps ? "(XEN) [   38.330575] " : "(XEN) ";
    char line[200];
    size_t len;
    va_list ap;

    len = (size_t)snprintf(line, sizeof(line), "%s", prefix);
    va_start(ap, fmt);
    vsnprintf(line + len, sizeof(line) - len, fmt, ap);
    va_end(ap);
    for (const char *c = line; *c; c++) {
        m->conring[m->conringp++ & (m->conring_size - 1)] = *c;
    }
    if (m->conringp - m->conringc > m->conring_size) {
        m->conringc = m->conringp - m->conring_size;
    }
}

static void print_nodes(struct model *m)
{
    uint64_t start = 0;

    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        const struct model_node *n = &m->node[i];

        if (n->online) {
            print(m, "NODE%u start->%" PRIu64 " size->%" PRIu64 " free->%" PRIu64 "\n", i, start,
                  n->initial, n->free);
        }
        start += n->initial;
    }
}

/* CPUs 2n and 2n + 1 are those of node n, as in lib.c. */
static void print_cpus(struct model *m)
{
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (m->node[i].has_cpus) {
            print(m, "CPU%u...%u -> NODE%u\n", 2 * i, 2 * i + 1, i);
        }
    }
}

/*
 * The walk is over d->page_list, which has no extra pages, and not those in the PoD cache or being
 * relinquished; XenServer 9 prints its counters, in which extra pages are (branch
 * 4.20-scm-domain-numa-get-node_pages).
 */
static void print_domain(struct model *m, const struct model_domain *d)
{
    bool before_4_18 = m->rules->major == 4 && m->rules->minor < 18;

    print(m, "%s%u (total: %" PRIu64 "):\n", before_4_18 ? "Domain " : "d", d->domid,
          model_owned(d));
    for (uint32_t i = 0; i < m->nr_nodes; i++) {
        if (m->node[i].online) {
            print(m, "    Node %u: %" PRIu64 "\n", i,
                  m->rules->node_claims ? d->pages[i] + d->extra[i] : d->pages[i] - d->hidden[i]);
        }
    }
}

void model_debug_key_u(struct model *m)
{
    print(m, "'u' pressed -> dumping numa info (now = 38330512345)\n");
    print_nodes(m);
    print_cpus(m);
    print(m, "Memory location of each domain:\n");
    for (const struct model_domain *d = m->domains; d; d = d->next) {
        print_domain(m, d);
    }
}

/* read_console_ring(): from @index on where that is still there, else from the oldest byte. */
int model_read_console(const struct model *m, char *buffer, uint32_t *nr, bool incremental,
                       uint32_t *index)
{
    uint32_t c = m->conringc, p = m->conringp, done = 0;

    if (incremental && *index - c <= p - c) {
        c = *index;
    }
    for (; c != p && done < *nr; c++) {
        buffer[done++] = m->conring[c & (m->conring_size - 1)];
    }
    *nr = done;
    *index = c;
    return 0;
}
