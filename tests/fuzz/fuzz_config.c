/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exclaim.conf(5) of any bytes: read or refused with one reason, and what was read keeps its
 * limits. fuzz_config -max_total_time=60 corpus/fuzz_config
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <exclaim/config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory_file(void)
{
    char path[32];
    int fd = memfd_create("exclaim.conf", MFD_CLOEXEC);

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || setenv(EXCLAIM_CONFIG_ENV, path, 1)) {
        abort();
    }
    return fd;
}

static void check_path(const char *path, size_t size)
{
    if (strnlen(path, size) == size || (path[0] && path[0] != '/')) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct exclaim_config c;
    struct exclaim_error err = { 0 };
    int rc;

    if (fd < 0) {
        fd = memory_file();
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size) {
        return 0;
    }
    rc = exclaim_config_load(&c, &err);
    if (rc ? err.kind != EXCLAIM_ERR_USAGE || !err.text[0] : err.kind != EXCLAIM_OK) {
        abort();
    }
    if (c.policy > EXCLAIM_POLICY_OBSERVE || c.stray_pages > 1ull << 40 ||
        c.headroom_pages > 1ull << 40 || c.peek_timeout_ms > 600000) {
        abort();
    }
    check_path(c.lock_dir, sizeof(c.lock_dir));
    check_path(c.report_file, sizeof(c.report_file));
    check_path(c.libxl_save_helper, sizeof(c.libxl_save_helper));
    check_path(c.emu_manager, sizeof(c.emu_manager));
    check_path(c.xenguest, sizeof(c.xenguest));
    check_path(c.place_object, sizeof(c.place_object));
    return 0;
}
