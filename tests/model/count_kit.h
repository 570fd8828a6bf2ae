/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of counting share. */
#ifndef MODEL_COUNT_KIT_H
#define MODEL_COUNT_KIT_H

#include "kit.h"

#include "xen/client.h"

#define PAGES 1000u

static const struct exclaim_count_how any = { .console_max_pages = UINT64_MAX };
static const struct exclaim_count_how none;
static struct exclaim_error err;
static struct exclaim_count c;

/* Domain 1 with 30 pages on node 0 and 12 on node 1. */
static inline struct model *open_one(int generation)
{
    struct model *m = kit_open((enum model_generation)generation, 2, PAGES);

    kit_domain(m, 1, 4 * PAGES);
    STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
    STEP(m, kit_exact(m, 1, 12, 0, 1), 12);
    return m;
}

static inline int count(struct model *m, uint64_t limit)
{
    err = (struct exclaim_error){ 0 };
    return model_hv(m)->ops->count(
        model_hv(m), 1, &(struct exclaim_count_how){ .console_max_pages = limit }, &c, &err);
}

static inline void assert_exact(struct model *m, enum exclaim_provenance method)
{
    STEP(m, c.exact, true);
    STEP(m, c.method, method);
    STEP(m, c.nr_nodes, 2);
    STEP(m, c.pages[0], kit_view(m, 1).pages[0]);
    STEP(m, c.pages[1], kit_view(m, 1).pages[1]);
    STEP(m, c.total_pages, kit_view(m, 1).total);
    assert_string_equal(c.why, "");
}

static inline void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words)) {
        fail_msg("\"%s\" does not say: %s", text, words);
    }
}

/* Something happens before the @nth call @op. */
struct between {
    enum model_op op;
    int nth, does;
    int seen;
};

enum { GROWS, DIES };

static inline void happen(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct between *b = arg;

    if (op == b->op && domid != 0 && (++b->seen == b->nth || b->nth == 0)) {
        if (b->does == GROWS) {
            model_populate(m, 1, 1, 0, MODEL_MEMF_EXACT_NODE(0));
        } else {
            model_destroy(m, 1);
        }
    }
}

/* --- a Xen, or a library, that answers otherwise --- */

static struct xen_lib real;

static inline struct xen_lib *lib_of(struct model *m)
{
    struct xen_lib *lib = &xen_of(model_hv(m))->lib;

    real = *lib;
    return lib;
}

#endif
