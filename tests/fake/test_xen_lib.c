/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding and loading the library of the running Xen, on every personality: the model stands behind
 * a libxenctrl and a libxencall that are found by name.  And what else can be found.
 */
#include "../unit/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xen/client.h"

#include "host.h"

static char dir[64], path[96];

static int create(void **state)
{
    (void)state;
    if (!access("/sys/hypervisor/version/major", R_OK)) {
        skip(); /* a Xen runs here: its version is known without asking */
    }
    make_dir(dir);
    snprintf(path, sizeof(path), "%s/model", dir);
    setenv(HOST_ENV, path, 1);
    unsetenv("FAKE_XEN_VERSION");
    return 0;
}

static int drop(void **state)
{
    (void)state;
    drop_dir(dir);
    return 0;
}

static void new_host(enum model_generation generation)
{
    const struct model_config config = { .generation = generation,
                                         .nr_nodes = 2,
                                         .node = { { .pages = 1000 }, { .pages = 1000 } } };
    struct model *m;
    int lock;

    assert_int_equal(host_create(path, &config), 0);
    m = host_lock(path, &lock);
    assert_non_null(m);
    assert_int_equal(model_create(m, 1, &(struct model_domain_config){ .hvm = true }), 0);
    assert_int_equal(model_set_max(m, 1, 500), 0);
    assert_int_equal(model_populate(m, 1, 10, 0, MODEL_MEMF_EXACT_NODE(1)), 10);
    host_unlock(path, m, lock);
}

static void loaded(void **state)
{
    (void)state;
    for (int g = 0; g < MODEL_GENERATIONS; g++) {
        const struct exclaim_count_how how = { .console_max_pages = 100 };
        struct exclaim_claim claim = { .kind = EXCLAIM_CLAIM_HOST, .host_pages = 20 };
        struct exclaim_error err = { 0 };
        struct exclaim_count count;
        struct exclaim_caps caps;
        struct exclaim_hv *hv;
        char library[64];
        uint64_t bytes;

        new_host((enum model_generation)g);
        if (exclaim_xen_open(&hv, &err)) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(hv->ops->caps(hv, &caps, &err), 0);
        snprintf(library, sizeof(library), "libxenctrl.so.%u.%u", caps.xen_major, caps.xen_minor);
        assert_string_equal(caps.library, library);
        assert_int_equal(caps.claim_node, g == MODEL_XS9);
        assert_int_equal(caps.claim_set, g >= MODEL_SETS_V5);
        assert_int_equal(hv->ops->count(hv, 1, &how, &count, &err), 0);
        assert_true(count.exact && count.pages[1] == 10);
        assert_int_equal(hv->ops->claim(hv, 1, &claim, &err), 0);
        /* This library is an early one of its version: it lacks the newest call. */
        assert_int_equal(hv->ops->paging_pool(hv, 1, &bytes, &err), 0);
        assert_int_equal(bytes, 0);
        hv->ops->close(hv);
    }
}

/* The model fails a claim five times: each pause is one of the clock. */
static void pauses(void **state)
{
    struct exclaim_claim claim = { .kind = EXCLAIM_CLAIM_HOST, .host_pages = 300 };
    struct exclaim_error err = { 0 };
    struct exclaim_hv *hv;
    struct model *m;
    int lock;

    (void)state;
    new_host(MODEL_4_17);
    m = host_lock(path, &lock);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(model_fault_of(m, MODEL_OP_CLAIM_PAGES, 1, i, ENOMEM), 0);
    }
    host_unlock(path, m, lock);
    assert_int_equal(exclaim_xen_open(&hv, &err), 0);
    assert_int_equal(hv->ops->claim(hv, 1, &claim, &err), -1);
    assert_int_equal(err.kind, EXCLAIM_ERR_NOFIT);
    hv->ops->close(hv);
}

static void refuses(const char *version, const char *words)
{
    struct exclaim_error err = { 0 };
    struct exclaim_hv *hv;

    if (version) {
        setenv("FAKE_XEN_VERSION", version, 1);
    }
    assert_int_equal(exclaim_xen_open(&hv, &err), -1);
    assert_null(hv);
    assert_int_equal(err.kind, EXCLAIM_ERR_UNSUPPORTED);
    if (!strstr(err.text, words)) {
        fail_msg("\"%s\" does not say: %s", err.text, words);
    }
}

static void not_loaded(void **state)
{
    (void)state;
    new_host(MODEL_4_21);
    refuses("4.16", "xen 4.16 runs here, 4.17 or later is needed");
    refuses("3.99", "xen 3.99 runs here, 4.17 or later is needed");
    refuses("4.29", "its library libxenctrl.so.4.29 cannot be loaded: ");
    refuses("4.30", "libxenctrl.so.4.30 of the running xen 4.30 has no xc_interface_open");
    refuses("none", "no xen runs here");
    unsetenv(HOST_ENV);
    refuses("4.21", "opening xen 4.21 through libxenctrl.so.4.21 (root in domain 0?): ");
    unsetenv("FAKE_XEN_VERSION");
    refuses(NULL, "no xen runs here");
}

/* --- a library and a Xen that do not belong together --- */

static struct xen_lib real;
static int domctl_errno;
static long more;

static int other_domctl(xc_interface *xch, struct xen_domctl *op)
{
    if (domctl_errno) {
        errno = domctl_errno;
        return -1;
    }
    return real.domctl(xch, op);
}

static long other_memory_op(xc_interface *xch, unsigned int cmd, void *arg, size_t len)
{
    return real.memory_op(xch, cmd, arg, len) + more;
}

static int open_other(struct exclaim_hv **hv, struct exclaim_error *err)
{
    struct model_port *port = host_port(path);
    struct xen_lib lib;

    model_lib(&real);
    lib = real;
    lib.domctl = other_domctl;
    lib.memory_op = other_memory_op;
    lib.major = 4;
    lib.minor = 21;
    return xen_open_lib(&lib, (xc_interface *)(void *)port, (struct xs_handle *)(void *)port, hv,
                        err);
}

static void disagree(void **state)
{
    static const struct {
        int errnum;
        long more;
        bool opens;
        const char *words;
    } rows[] = {
        { 0, 0, true, "" },
        { ESRCH, 0, true, "" }, /* of no concern here */
        { EACCES, 0, false, "xen 4.21 and library model disagree on the interface" },
        { EPERM, 0, false, "asking for domain 0 through model: not permitted" },
        { 0, 7, false, "xen 4.21 and model disagree: domain 0 has 0 pages by one and 7 by the" },
    };

    (void)state;
    new_host(MODEL_4_21);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct exclaim_error err = { 0 };
        struct exclaim_hv *hv;

        domctl_errno = rows[i].errnum;
        more = rows[i].more;
        assert_int_equal(open_other(&hv, &err), rows[i].opens ? 0 : -1);
        if (rows[i].opens) {
            hv->ops->close(hv);
        } else if (err.kind != EXCLAIM_ERR_UNSUPPORTED || !strstr(err.text, rows[i].words)) {
            fail_msg("%s", err.text);
        }
    }
    domctl_errno = 0;
    more = 0;
}

/* --- a xenstore whose daemon is stopped: the kernel takes connections for it, nobody answers ---
 */

static void stuck_store(void **state)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct exclaim_error err = { 0 };
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    struct exclaim_hv *hv;
    char name[16] = "x";

    (void)state;
    new_host(MODEL_4_17);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/store", dir);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    setenv("XENSTORED_PATH", at.sun_path, 1);
    assert_int_equal(exclaim_xen_open(&hv, &err), 0);
    alarm(60); /* for one that waits */
    assert_int_equal(hv->ops->vm_uuid(hv, 1, uuid, &err), -1);
    assert_non_null(strstr(err.text, "xenstored does not answer"));
    /* Nor is it asked again. */
    assert_int_equal(hv->ops->domain_name(hv, 1, name, sizeof(name), &err), -1);
    assert_int_equal(err.errnum, ETIMEDOUT);
    assert_string_equal(name, "");
    hv->ops->close(hv);
    alarm(0);
    unsetenv("XENSTORED_PATH");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loaded, create, drop),
        cmocka_unit_test_setup_teardown(pauses, create, drop),
        cmocka_unit_test_setup_teardown(not_loaded, create, drop),
        cmocka_unit_test_setup_teardown(disagree, create, drop),
        cmocka_unit_test_setup_teardown(stuck_store, create, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
