/* SPDX-License-Identifier: BSD-2-Clause */
/* The operation `claim` on every personality: what src/xen asks for, how, and what it says then. */
#include "kit.h"

#include "xen/client.h"

#define PAGES 100u
#define ANY   (-1) /* every generation */

static struct model *open_one(int generation)
{
    struct model *m = kit_open((enum model_generation)generation, 2, PAGES);

    kit_domain(m, 1, 4 * PAGES);
    return m;
}

/* Sets from @node0 and @node1 pages and @host anywhere. */
static int claim_set(struct model *m, uint64_t node0, uint64_t node1, uint64_t host,
                     struct exclaim_error *err)
{
    struct exclaim_claim claim = {
        .kind = EXCLAIM_CLAIM_SET, .nr_nodes = 2, .node_pages = { node0, node1 }, .host_pages = host
    };

    *err = (struct exclaim_error){ 0 };
    return model_hv(m)->ops->claim(model_hv(m), 1, &claim, err);
}

static int release(struct model *m, struct exclaim_error *err)
{
    return kit_claim(m, 1, EXCLAIM_CLAIM_NONE, HOST, 0, err);
}

static void says(const struct exclaim_error *err, enum exclaim_error_kind kind, int errnum,
                 const char *text)
{
    if (err->kind != kind || err->errnum != errnum || !strstr(err->text, text)) {
        fail_msg("kind %d, errno %d: %s, and not: %s", (int)err->kind, err->errnum, err->text,
                 text);
    }
}

static void test_claim_table(void **state)
{
    static const struct {
        enum exclaim_claim_kind kind;
        uint32_t node;
        uint64_t pages, owned, claimed;
        int generation, last; /* ANY, or the first and the last */
        int kind_of_error, errnum;
        const char *text; /* part of it */
    } rows[] = {
        { EXCLAIM_CLAIM_HOST, HOST, 50, 30, 0, ANY, 0, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_HOST, HOST, 170, 30, 0, ANY, 0, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_HOST, HOST, 50, 0, 9, ANY, 0, EXCLAIM_ERR_SYSTEM, EEXIST,
          "domain 1 already claims 36 KiB (9 pages)" },
        { EXCLAIM_CLAIM_HOST, HOST, 171, 30, 0, ANY, 0, EXCLAIM_ERR_NOFIT, ENOMEM,
          "domain 1 wants 684 KiB (171 pages): host with 680 KiB free and 0 KiB claimed" },
        { EXCLAIM_CLAIM_HOST, HOST, 371, 30, 0, ANY, 0, EXCLAIM_ERR_SYSTEM, EINVAL,
          "domain 1 owns 120 KiB (30 pages) and cannot claim 1.4 MiB (371 pages) more: its maximum "
          "is 1.6 MiB (400 pages)" },
        { EXCLAIM_CLAIM_HOST, HOST, 370, 30, 0, ANY, 0, EXCLAIM_ERR_NOFIT, ENOMEM,
          "wants 1.4 MiB (370 pages)" },
        { EXCLAIM_CLAIM_HOST, HOST, 0, 0, 0, ANY, 0, EXCLAIM_ERR_USAGE, 0, "no pages" },
        { EXCLAIM_CLAIM_HOST, HOST, UINT64_MAX, 0, 0, ANY, 0, EXCLAIM_ERR_USAGE, 0, "anywhere" },
        { EXCLAIM_CLAIM_NODE, HOST, 5, 0, 0, ANY, 0, EXCLAIM_ERR_USAGE, 0, "names 0" },

        { EXCLAIM_CLAIM_NODE, 1, 50, 30, 0, MODEL_XS9, MODEL_XS9, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_NODE, 0, 50, 30, 0, MODEL_XS9, MODEL_XS9, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_NODE, 1, 50, 0, 9, MODEL_XS9, MODEL_XS9, EXCLAIM_ERR_SYSTEM, EEXIST,
          "already claims 36 KiB (9 pages)" },
        { EXCLAIM_CLAIM_NODE, 1, 101, 0, 0, MODEL_XS9, MODEL_XS9, EXCLAIM_ERR_NOFIT, ENOMEM,
          "domain 1 wants 404 KiB (101 pages): 404 KiB on node 1 with 400 KiB free and 0 KiB "
          "claimed, host with 800 KiB free "
          "and 0 KiB claimed" },
        { EXCLAIM_CLAIM_NODE, 7, 50, 0, 0, MODEL_XS9, MODEL_XS9, EXCLAIM_ERR_SYSTEM, ENOENT,
          "claim for domain 1: node 7 is offline" },
        { EXCLAIM_CLAIM_NODE, 1, 50, 0, 0, MODEL_4_17, MODEL_4_21, EXCLAIM_ERR_UNSUPPORTED, EINVAL,
          "claim for domain 1 on node 1: xen 4." },
        { EXCLAIM_CLAIM_NODE, 1, 50, 0, 0, MODEL_SETS_V5, MODEL_SETS_V8, EXCLAIM_ERR_UNSUPPORTED,
          EINVAL, "has no claims on one node" },

        { EXCLAIM_CLAIM_SET, 1, 50, 0, 0, MODEL_4_17, MODEL_XS9, EXCLAIM_ERR_UNSUPPORTED, 0,
          "claim set for domain 1: domctl 91: this xen does not have it" },
        { EXCLAIM_CLAIM_SET, 1, 50, 30, 0, MODEL_SETS_V5, MODEL_SETS_V8, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_SET, HOST, 50, 30, 0, MODEL_SETS_V5, MODEL_SETS_V8, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_SET, 1, 50, 0, 9, MODEL_SETS_V5, MODEL_SETS_V7, EXCLAIM_OK, 0, "" },
        { EXCLAIM_CLAIM_SET, 1, 50, 0, 9, MODEL_SETS_V8, MODEL_SETS_V8, EXCLAIM_ERR_SYSTEM, EEXIST,
          "already claims 36 KiB (9 pages)" },
        { EXCLAIM_CLAIM_SET, 0, 101, 0, 0, MODEL_SETS_V5, MODEL_SETS_V8, EXCLAIM_ERR_NOFIT, ENOMEM,
          "domain 1 wants 404 KiB (101 pages): 404 KiB on node 0 with 400 KiB free, host with 800 "
          "KiB free and 0 "
          "KiB claimed" },
        { EXCLAIM_CLAIM_SET, 7, 50, 0, 0, MODEL_SETS_V5, MODEL_SETS_V8, EXCLAIM_ERR_SYSTEM, ENOENT,
          "claim set for domain 1 names an offline node" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows) * MODEL_GENERATIONS; i++) {
        const int g = (int)(i % MODEL_GENERATIONS);
        const size_t row = i / MODEL_GENERATIONS;
        const bool fits = rows[row].kind_of_error == EXCLAIM_OK;
        struct exclaim_error err;
        struct model *m;

        if (rows[row].generation != ANY && (g < rows[row].generation || g > rows[row].last)) {
            continue;
        }
        m = open_one(g);
        STEP(m, model_populate(m, 1, rows[row].owned, 0, 0), rows[row].owned);
        STEP(m, model_claim_pages(m, 1, rows[row].claimed, 0), 0);
        STEP(m, kit_claim(m, 1, rows[row].kind, rows[row].node, rows[row].pages, &err),
             fits ? 0 : -1);
        says(&err, (enum exclaim_error_kind)rows[row].kind_of_error, rows[row].errnum,
             rows[row].text);
        STEP(m, kit_outstanding(m, 1), fits ? rows[row].pages : rows[row].claimed);
        if (fits && rows[row].node != HOST) {
            STEP(m, kit_view(m, 1).node_claim[rows[row].node], rows[row].pages);
        }
        STEP(m, release(m, &err), 0);
        STEP(m, kit_outstanding(m, 1), 0);
        kit_close(m);
    }
}

/* Who asks for no reason gets none. */
static void test_nobody_asks_why(void **state)
{
    const struct exclaim_claim claim = { .kind = EXCLAIM_CLAIM_HOST, .host_pages = 500 };

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one(g);

        STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, NULL), -1);
        STEP(m, model_claim_pages(m, 1, 10, 0), 0);
        STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, NULL), -1);
        kit_close(m);
    }
}

static void test_claim_needs_a_living_domain(void **state)
{
    struct exclaim_error err;

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct model *m = open_one(g);

        STEP(m, kit_claim(m, 5, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
        says(&err, EXCLAIM_ERR_SYSTEM, ESRCH, "claim for domain 5");
        STEP(m, model_kill(m, 1), 0);
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
        says(&err, EXCLAIM_ERR_SYSTEM, ESRCH, "domain 1 is dying: nothing claimed");
        STEP(m, model_claimed_pages(m, HOST), 0);
        kit_domain(m, 2, 0);
        STEP(m, kit_claim(m, 2, EXCLAIM_CLAIM_HOST, HOST, 5, &err), -1);
        says(&err, EXCLAIM_ERR_SYSTEM, EINVAL, "domain 2 has no maximum of pages yet");
        kit_close(m);
    }
}

/* Host and nodes in one set, and what is missing where. */
static void test_sets(void **state)
{
    struct exclaim_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        struct model *m = open_one((int)all_sets[i]);

        STEP(m, claim_set(m, 20, 30, 7, &err), 0);
        STEP(m, kit_view(m, 1).node_claim[0], 20);
        STEP(m, kit_view(m, 1).node_claim[1], 30);
        STEP(m, kit_view(m, 1).host_claim, 7);
        STEP(m, release(m, &err), 0);
        STEP(m, claim_set(m, 101, 3, 7, &err), -1);
        says(&err, EXCLAIM_ERR_NOFIT, ENOMEM,
             "domain 1 wants 444 KiB (111 pages): 404 KiB on node 0 with 400 KiB free, 12 KiB on "
             "node 1 with 400 KiB free, "
             "host with 800 KiB free and 0 KiB claimed");
        kit_close(m);
    }
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        struct model *m = open_one((int)all_sets[i]);

        /* Only the late draft minds; an errno that a form does not know means itself. */
        STEP(m, model_unpause(m, 1), 0);
        STEP(m, claim_set(m, 5, 0, 0, &err), all_sets[i] == MODEL_SETS_V8 ? -1 : 0);
        if (all_sets[i] == MODEL_SETS_V8) {
            says(&err, EXCLAIM_ERR_SYSTEM, EBUSY, "the domain is not paused");
        }
        STEP(m, release(m, &err), 0);
        STEP(m, model_fault_of(m, MODEL_OP_DOMCTL_CLAIMS, 1, 1, EPERM), 0);
        STEP(m, claim_set(m, 5, 0, 2, &err), -1);
        says(&err, EXCLAIM_ERR_UNSUPPORTED, EPERM, "claim of 28 KiB (7 pages) for domain 1");
        /* No memory of our own is no answer of Xen's. */
        STEP(m, model_fault(m, MODEL_OP_BUFFER, 1, ENOMEM), 0);
        STEP(m, claim_set(m, 5, 0, 2, &err), -1);
        says(&err, EXCLAIM_ERR_SYSTEM, ENOBUFS, "claim of 28 KiB (7 pages) for domain 1");
        kit_close(m);
    }
}

/* What is beyond the claim's nodes, or not of its kind, is no part of it. */
static void test_only_what_is_claimed(void **state)
{
    struct exclaim_claim claim = {
        .kind = EXCLAIM_CLAIM_NODE, .nr_nodes = 2, .node_pages = { 101, 0, 77 }, .host_pages = 7
    };
    struct model *m = open_one(MODEL_XS9);
    struct exclaim_error err;

    (void)state;
    STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, &err), -1);
    says(&err, EXCLAIM_ERR_NOFIT, ENOMEM,
         "wants 404 KiB (101 pages): 404 KiB on node 0 with 400 KiB free and 0");
    assert_null(strstr(err.text, "on node 2"));
    kit_close(m);
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        m = open_one((int)all_sets[i]);
        claim.kind = EXCLAIM_CLAIM_SET;
        claim.node_pages[0] = 101;
        STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, &err), -1);
        says(&err, EXCLAIM_ERR_NOFIT, ENOMEM,
             "wants 432 KiB (108 pages): 404 KiB on node 0 with 400 KiB free, host");
        claim.node_pages[0] = 5;
        STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, &err), 0);
        STEP(m, kit_outstanding(m, 1), 12);
        kit_close(m);
    }
}

/* As many entries as there can be, and what they come to. */
static void test_all_nodes(void **state)
{
    struct exclaim_claim claim = { .kind = EXCLAIM_CLAIM_SET,
                                   .nr_nodes = MODEL_NODES,
                                   .host_pages = 1 };
    struct exclaim_error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all_sets); i++) {
        struct model *m = kit_open(all_sets[i], MODEL_NODES, PAGES);

        kit_domain(m, 1, 4 * PAGES);
        for (uint32_t n = 0; n < MODEL_NODES; n++) {
            claim.node_pages[n] = n + 1 > 60 ? 2 : 1;
        }
        STEP(m, model_hv(m)->ops->claim(model_hv(m), 1, &claim, &err), 0);
        STEP(m, kit_outstanding(m, 1), 60 + 4 * 2 + 1);
        STEP(m, kit_view(m, 1).node_claim[63], 2);
        STEP(m, kit_view(m, 1).host_claim, 1);
        kit_close(m);
    }
}

/* A Xen that answers with more than it was given room for, and with targets that are no node. */
static struct xen_lib real;

static int absurd_set(xc_interface *xch, struct xen_domctl *op)
{
    int r = real.domctl(xch, op);
    struct xen_claims_op arg;
    struct xen_claim_entry *list;

    memcpy(&arg, &op->u, sizeof(arg));
    if (op->domain == 1 && op->cmd == XEN_DOMCTL_GET_CLAIMS && arg.nr) {
        list = (struct xen_claim_entry *)(uintptr_t)arg.claims;
        list[arg.nr] = (struct xen_claim_entry){ .pages = 1000, .target = EXCLAIM_NODES_MAX };
        arg.nr = UINT32_MAX;
        memcpy(&op->u, &arg, sizeof(arg));
    }
    return r;
}

static void test_absurd_read_back(void **state)
{
    struct model *m = open_one(MODEL_SETS_V8);
    struct exclaim_error err;

    (void)state;
    real = xen_of(model_hv(m))->lib;
    xen_of(model_hv(m))->lib.domctl = absurd_set;
    STEP(m, claim_set(m, 0, 3, 0, &err), 0);
    STEP(m, kit_outstanding(m, 1), 3);
    kit_close(m);
}

/* How often each call was made for domain 1. */
struct calls {
    int of[MODEL_OP_ANY];
};

static void note(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct calls *calls = arg;

    (void)m;
    calls->of[op] += domid == 1 || domid == UINT32_MAX;
}

/* A claim that was asked for again because Xen said ENOMEM for a moment; where it cannot, not. */
static void test_nomem_is_asked_again(void **state)
{
    (void)state;
    for (int at = 0; at < 3 * MODEL_GENERATIONS; at++) {
        static const enum exclaim_claim_kind kinds[] = { EXCLAIM_CLAIM_HOST, EXCLAIM_CLAIM_NODE,
                                                         EXCLAIM_CLAIM_SET };
        const enum exclaim_claim_kind kind = kinds[at % 3];
        const bool set = kind == EXCLAIM_CLAIM_SET;
        const enum model_op op = set ? MODEL_OP_DOMCTL_CLAIMS : MODEL_OP_CLAIM_PAGES;
        const int g = at / 3, most = set ? 1 : 5;
        struct calls calls = { 0 };
        struct exclaim_error err;
        struct model *m;

        if ((kind == EXCLAIM_CLAIM_NODE && g != MODEL_XS9) || (set && g < MODEL_SETS_V5)) {
            continue;
        }
        for (int refused = 0; refused <= most; refused++) {
            m = open_one(g);
            /* The probes are over. */
            STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
            memset(&calls, 0, sizeof(calls));
            model_set_hook(m, note, &calls);
            for (int i = 1; i <= refused; i++) {
                STEP(m, model_fault_of(m, op, 1, (uint64_t)i, ENOMEM), 0);
            }
            STEP(m, kit_claim(m, 1, kind, kind == EXCLAIM_CLAIM_HOST ? HOST : 1, 5, &err),
                 refused < most ? 0 : -1);
            STEP(m, kit_outstanding(m, 1), refused < most ? 5 : 0);
            STEP(m, calls.of[MODEL_OP_PAUSE], refused < most ? refused : most - 1);
            if (refused == most) {
                STEP(m, err.kind, EXCLAIM_ERR_NOFIT);
                STEP(m, calls.of[op], most);
            }
            kit_close(m);
        }
        /* The numbers cannot be had: it does not fit all the same. */
        m = open_one(g);
        STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
        for (int i = 1; i <= most; i++) {
            STEP(m, model_fault_of(m, op, 1, (uint64_t)i, ENOMEM), 0);
        }
        STEP(m, model_fault(m, MODEL_OP_PHYSINFO, 1, EIO), 0);
        STEP(m, kit_claim(m, 1, kind, kind == EXCLAIM_CLAIM_HOST ? HOST : 1, 5, &err), -1);
        says(&err, EXCLAIM_ERR_NOFIT, ENOMEM, "claim for domain 1");
        kit_close(m);
    }
}

/* What happens before the @nth call @op about domain 1. */
struct between {
    enum model_op op;
    int nth;
    int does;
};

enum { STAKES_MORE, TAKES_PAGES, FREES_PAGES, MAX_ONLY, KILLS, DESTROYS, STAKES_ONE, MOVES_SET };

static void happen(struct model *m, enum model_op op, uint32_t domid, void *arg)
{
    struct between *b = arg;
    struct model_entry set[] = { { .pages = 9, .target = 0 }, { .pages = 1, .target = 1 } };

    if (op != b->op || domid != 1 || b->nth-- != 1) {
        return;
    }
    switch (b->does) {
    case STAKES_MORE:
        model_claim_pages(m, 1, 0, 0);
        model_claim_pages(m, 1, kit_view(m, 1).total + 20, 0);
        break;
    case TAKES_PAGES:
        model_populate(m, 1, 3, 0, 0);
        break;
    case FREES_PAGES:
        model_free(m, 1, 0, 2);
        break;
    case MAX_ONLY:
        model_set_max(m, 1, 31);
        break;
    case KILLS:
        model_kill(m, 1);
        break;
    case DESTROYS:
        model_destroy(m, 1);
        break;
    case STAKES_ONE:
        model_claim_pages(m, 1, kit_view(m, 1).total + 7, 0);
        break;
    default:
        kit_release_set(m, 1);
        kit_set(m, 1, set, 2);
    }
}

/* What is seen after a claim of 10 pages, with 30 owned on node 0 before. */
static void test_read_back(void **state)
{
    (void)state;
    for (int at = 0; at < 2 * MODEL_GENERATIONS; at++) {
        static const int does[] = { STAKES_MORE, TAKES_PAGES, FREES_PAGES };
        const int g = at / 2;

        for (size_t i = 0; i < ARRAY_SIZE(does); i++) {
            struct model *m = open_one(g);
            struct between b = { .op = MODEL_OP_GETINFOLIST, .nth = 2, .does = does[i] };
            const bool regrown = g == MODEL_4_17 && does[i] == FREES_PAGES;
            struct exclaim_error err;
            int rc;

            if (at % 2 && g < MODEL_SETS_V5) {
                kit_close(m);
                continue;
            }
            STEP(m, kit_exact(m, 1, 30, 0, 0), 30);
            model_set_hook(m, happen, &b);
            rc = at % 2 ? claim_set(m, 5, 5, 0, &err)
                        : kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err);
            STEP(m, rc, does[i] == STAKES_MORE || regrown ? -1 : 0);
            if (rc) {
                says(&err, EXCLAIM_ERR_SYSTEM, EPROTO, "domain 1: 10 pages asked, xen says ");
            }
            STEP(m, kit_outstanding(m, 1), rc ? 0 : does[i] == TAKES_PAGES ? 7 : 10);
            kit_close(m);
        }
    }
}

static void test_set_on_other_nodes_is_taken_back(void **state)
{
    struct exclaim_error err;

    (void)state;
    for (int g = MODEL_SETS_V5; g <= MODEL_SETS_V8; g++) {
        /* The read-back is the second call of the two that have one. */
        struct between b = { .op = MODEL_OP_DOMCTL_CLAIMS, .nth = 2, .does = MOVES_SET };
        struct model *m = open_one(g);

        model_set_hook(m, happen, &b);
        STEP(m, claim_set(m, 5, 5, 0, &err), g == MODEL_SETS_V5 ? 0 : -1);
        if (g != MODEL_SETS_V5) {
            says(&err, EXCLAIM_ERR_SYSTEM, EPROTO,
                 "domain 1: 5 pages asked on node 0, xen says 9 are claimed");
            STEP(m, kit_outstanding(m, 1), 0);
        }
        kit_close(m);

        m = open_one(g);
        STEP(m, model_fault_of(m, MODEL_OP_DOMCTL_CLAIMS, 1, 1, MODEL_NO_EFFECT), 0);
        STEP(m, claim_set(m, 5, 0, 0, &err), -1);
        STEP(m, err.errnum, EPROTO);
        STEP(m, kit_outstanding(m, 1), 0);
        for (int op = MODEL_OP_BUFFER; g != MODEL_SETS_V5 && op <= MODEL_OP_DOMCTL_CLAIMS;
             op += MODEL_OP_DOMCTL_CLAIMS - MODEL_OP_BUFFER) {
            /* The first two without domain are the claim's own buffer and the next its read. */
            STEP(m, model_fault(m, (enum model_op)op, op == MODEL_OP_BUFFER ? 2 : 2, EPERM), 0);
            STEP(m, claim_set(m, 5, 0, 0, &err), -1);
            assert_non_null(strstr(err.text, "reading the claim set of domain 1"));
            STEP(m, err.errnum, op == MODEL_OP_BUFFER ? ENOMEM : EPERM);
            STEP(m, kit_outstanding(m, 1), 0);
        }
        kit_close(m);
    }
}

/* One EINVAL for many reasons: what can be seen to have changed is told. */
static void test_refused_because_it_changed(void **state)
{
    static const struct {
        int does;
        int errnum;
        const char *text;
    } rows[] = {
        { STAKES_ONE, EEXIST,
          "domain 1 was meanwhile given, by somebody else, a claim of 28 KiB (7 pages)" },
        { MAX_ONLY, EAGAIN,
          "changed while it was claimed for: from 120 KiB of 1.6 MiB to 120 KiB of 124 KiB (30 of "
          "400 to 30 of 31 pages)" },
        { KILLS, ESRCH, "domain 1 went away" },
        { DESTROYS, ESRCH, "domain 1 went away" },
    };
    struct exclaim_error err;

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            struct between b = { .op = MODEL_OP_CLAIM_PAGES, .nth = 1, .does = rows[i].does };
            struct model *m = open_one(g);

            STEP(m, model_populate(m, 1, 30, 0, 0), 30);
            model_set_hook(m, happen, &b);
            STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 50, &err), -1);
            says(&err, EXCLAIM_ERR_SYSTEM, rows[i].errnum, rows[i].text);
            if (rows[i].does == KILLS) { /* old Xens accept it, and would never give it back */
                STEP(m, kit_outstanding(m, 1), 0);
            }
            kit_close(m);
        }
        /* Pages alone. */
        {
            struct model *m = open_one(g);
            struct between b = { .op = MODEL_OP_CLAIM_PAGES, .nth = 1, .does = TAKES_PAGES };

            STEP(m, model_populate(m, 1, 30, 0, 0), 30);
            model_set_hook(m, happen, &b);
            STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 2, &err), -1);
            says(&err, EXCLAIM_ERR_SYSTEM, EAGAIN, "(30 of 400 to 33 of 400 pages)");
            model_set_hook(m, NULL, NULL);
            STEP(m, model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, 1, EINVAL), 0);
            STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 2, &err), -1);
            says(&err, EXCLAIM_ERR_SYSTEM, EINVAL,
                 "claim of 8 KiB (2 pages) for domain 1, which owns 132 KiB of at most 1.6 MiB");
            kit_close(m);
        }
    }
}

static void test_release(void **state)
{
    struct exclaim_error err;

    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        struct between b = { .op = MODEL_OP_CLAIM_PAGES, .nth = 1, .does = DESTROYS };
        const bool sets = g >= MODEL_SETS_V5;
        struct calls calls = { 0 };
        struct model *m = open_one(g);

        /* Nothing is claimed: nothing is asked, not even where that would be refused. */
        STEP(m, model_hv(m)->ops->caps(model_hv(m), &(struct exclaim_caps){ 0 }, &err), 0);
        model_set_hook(m, note, &calls);
        STEP(m, release(m, &err), 0);
        STEP(m, calls.of[MODEL_OP_CLAIM_PAGES] + calls.of[MODEL_OP_DOMCTL_CLAIMS], 0);
        model_set_hook(m, NULL, NULL);

        /* One way does nothing; where there are sets, the other does. */
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), 0);
        STEP(m, model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, 1, MODEL_NO_EFFECT), 0);
        STEP(m, release(m, &err), sets ? 0 : -1);
        if (!sets) {
            says(&err, EXCLAIM_ERR_SYSTEM, EBUSY,
                 "domain 1 still claims 40 KiB (10 pages) of 40 KiB after their release");
        }
        STEP(m, kit_outstanding(m, 1), sets ? 0 : 10);
        STEP(m, release(m, &err), 0);

        /* Neither does. */
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), 0);
        STEP(m, model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, 1, EPERM), 0);
        STEP(m, model_fault_of(m, MODEL_OP_DOMCTL_CLAIMS, 1, 1, EACCES), 0);
        STEP(m, release(m, &err), -1);
        says(&err, EXCLAIM_ERR_UNSUPPORTED, sets ? EACCES : EPERM,
             "still claims 40 KiB (10 pages) of 40 KiB");
        kit_close(m);

        /* What it came to cannot be seen. */
        m = open_one(g);
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), 0);
        STEP(m, model_fault_of(m, MODEL_OP_GETINFOLIST, 1, 2, EIO), 0);
        STEP(m, release(m, &err), -1);
        says(&err, EXCLAIM_ERR_SYSTEM, EIO, "reading the claim of domain 1 after its release");
        STEP(m, release(m, &err), 0);

        /* The domain goes meanwhile: it has none. */
        STEP(m, kit_claim(m, 1, EXCLAIM_CLAIM_HOST, HOST, 10, &err), 0);
        model_set_hook(m, happen, &b);
        STEP(m, release(m, &err), 0);
        STEP(m, model_claimed_pages(m, HOST), g == MODEL_4_17 ? model_claimed_pages(m, HOST) : 0);
        kit_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_table),
        cmocka_unit_test(test_nobody_asks_why),
        cmocka_unit_test(test_claim_needs_a_living_domain),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_only_what_is_claimed),
        cmocka_unit_test(test_all_nodes),
        cmocka_unit_test(test_absurd_read_back),
        cmocka_unit_test(test_nomem_is_asked_again),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_set_on_other_nodes_is_taken_back),
        cmocka_unit_test(test_refused_because_it_changed),
        cmocka_unit_test(test_release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
