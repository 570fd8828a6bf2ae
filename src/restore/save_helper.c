/* SPDX-License-Identifier: BSD-2-Clause */
#include <exclaim/child.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The defaults of the upstream build and of other distributions; Debian's path has the version in
 * it. */
static const char *const candidates[] = {
    "/usr/libexec/xen/bin/libxl-save-helper",       "/usr/lib/xen/bin/libxl-save-helper",
    "/usr/lib64/xen/bin/libxl-save-helper",         "/usr/local/lib/xen/bin/libxl-save-helper",
    "/usr/local/libexec/xen/bin/libxl-save-helper",
};

static bool is_self(const char *path)
{
    struct stat self, other;

    return !stat("/proc/self/exe", &self) && !stat(path, &other) && self.st_dev == other.st_dev &&
           self.st_ino == other.st_ino;
}

static bool usable(const char *path)
{
    return !access(path, X_OK) && !is_self(path);
}

static bool running_version(unsigned int *major, unsigned int *minor)
{
    const char *const name[2] = { "/sys/hypervisor/version/major",
                                  "/sys/hypervisor/version/minor" };
    unsigned int *const value[2] = { major, minor };

    for (unsigned int i = 0; i < 2; i++) {
        FILE *f = fopen(name[i], "re");
        bool ok = f && fscanf(f, "%u", value[i]) == 1;

        if (f) {
            fclose(f);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

int exclaim_find_save_helper(const struct exclaim_config *config, char *path, uint32_t size,
                             struct exclaim_error *err)
{
    unsigned int major = 0, minor = 0;

    if (config->libxl_save_helper[0]) {
        if (is_self(config->libxl_save_helper)) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "libxl_save_helper %s is this program",
                                config->libxl_save_helper);
        }
        if (access(config->libxl_save_helper, X_OK)) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, errno, "libxl_save_helper %s",
                                config->libxl_save_helper);
        }
        snprintf(path, size, "%s", config->libxl_save_helper);
        return 0;
    }
    if (running_version(&major, &minor)) {
        snprintf(path, size, "/usr/lib/xen-%u.%u/bin/libxl-save-helper", major, minor);
        if (usable(path)) {
            return 0;
        }
    }
    for (unsigned int i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        snprintf(path, size, "%s", candidates[i]);
        if (usable(path)) {
            return 0;
        }
    }
    return major ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                "no libxl-save-helper of Xen %u.%u found, set libxl_save_helper",
                                major, minor)
                 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                "no libxl-save-helper found and no Xen is running, set "
                                "libxl_save_helper");
}
