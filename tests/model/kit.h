/* SPDX-License-Identifier: BSD-2-Clause */
/* What the model's tests share.  Every step ends with model_check(). */
#ifndef MODEL_KIT_H
#define MODEL_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "model/model.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define HOST          MODEL_NO_NODE

/* The value, and that the model is whole; the generation is in the message. */
#define STEP(m, expression, expected)                                                              \
    kit_step(m, (int64_t)(expression), (int64_t)(expected), #expression, __FILE__, __LINE__)

static const enum model_generation all_sets[] = { MODEL_SETS_V5, MODEL_SETS_V7, MODEL_SETS_V8 };

static inline void kit_step(struct model *m, int64_t got, int64_t expected, const char *what,
                            const char *file, int line)
{
    struct exclaim_caps caps;
    char why[160];

    if (got != expected) {
        model_hv(m)->ops->caps(model_hv(m), &caps, NULL);
        fprintf(stderr, "xen %u.%u%s: %s is %lld, not %lld\n", caps.xen_major, caps.xen_minor,
                caps.xen_extra, what, (long long)got, (long long)expected);
        _fail(file, line);
    }
    if (!model_check(m, why, sizeof(why))) {
        fprintf(stderr, "%s: %s\n", what, why);
        _fail(file, line);
    }
}

/* @nr nodes of @pages each. */
static inline struct model *kit_open(enum model_generation generation, uint32_t nr, uint64_t pages)
{
    struct model_config config = { .generation = generation, .nr_nodes = nr };
    struct model *m;

    for (uint32_t i = 0; i < nr; i++) {
        config.node[i].pages = pages;
    }
    assert_int_equal(model_open(&config, &m), 0);
    return m;
}

static inline void kit_close(struct model *m)
{
    model_hv(m)->ops->close(model_hv(m));
}

static inline void kit_domain(struct model *m, uint32_t domid, uint64_t max)
{
    struct model_domain_config config = { .hvm = true, .nr_vcpus = 2 };

    config.uuid[0] = (uint8_t)domid;
    STEP(m, model_create(m, domid, &config), 0);
    if (max) {
        STEP(m, model_set_max(m, domid, max), 0);
    }
}

static inline struct model_view kit_view(const struct model *m, uint32_t domid)
{
    struct model_view view;

    assert_int_equal(model_view(m, domid, &view), 0);
    return view;
}

static inline uint64_t kit_outstanding(const struct model *m, uint32_t domid)
{
    return kit_view(m, domid).outstanding;
}

/* Domctl 91 with @nr entries at @list, of which there may be none. */
static inline int kit_set(struct model *m, uint32_t domid, struct model_entry *list, uint32_t nr)
{
    return model_domctl_claims(m, MODEL_DOMCTL_SET, domid, list, &nr, 0);
}

static inline int kit_set_one(struct model *m, uint32_t domid, uint32_t target, uint64_t pages)
{
    struct model_entry entry = { .pages = pages, .target = target };

    return kit_set(m, domid, &entry, 1);
}

/* As each version wants it: an empty set, or a set of nothing. */
static inline int kit_release_set(struct model *m, uint32_t domid)
{
    int r = kit_set(m, domid, NULL, 0);

    return r == -EINVAL ? kit_set_one(m, domid, MODEL_TARGET_HOST, 0) : r;
}

static inline long kit_exact(struct model *m, uint32_t domid, uint64_t extents, uint32_t order,
                             uint32_t node)
{
    return model_populate(m, domid, extents, order, MODEL_MEMF_EXACT_NODE(node));
}

/* The operations table. */
static inline int kit_claim(struct model *m, uint32_t domid, enum exclaim_claim_kind kind,
                            uint32_t node, uint64_t pages, struct exclaim_error *err)
{
    struct exclaim_claim claim = { .kind = kind, .nr_nodes = MODEL_NODES };

    if (node == HOST) {
        claim.host_pages = pages;
    } else {
        claim.node_pages[node] = pages;
    }
    *err = (struct exclaim_error){ 0 };
    return model_hv(m)->ops->claim(model_hv(m), domid, &claim, err);
}

#endif
