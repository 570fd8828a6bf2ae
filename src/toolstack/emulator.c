/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the programs are that our hooks stand in front of. */
#include <exclaim/child.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define NR(list) (sizeof(list) / sizeof((list)[0]))

/* The defaults of the upstream build and of other distributions; Debian's path has the version in
 * it. */
static const char *const save_helpers[] = {
    "/usr/libexec/xen/bin/libxl-save-helper",       "/usr/lib/xen/bin/libxl-save-helper",
    "/usr/lib64/xen/bin/libxl-save-helper",         "/usr/local/lib/xen/bin/libxl-save-helper",
    "/usr/local/libexec/xen/bin/libxl-save-helper",
};

/* XCP-ng installs it in the Xen directory of the libdir, XenServer in its own libexec. */
static const char *const emu_managers[] = {
    "/usr/lib64/xen/bin/emu-manager",     "/usr/libexec/xen/bin/emu-manager",
    "/opt/xensource/libexec/emu-manager", "/usr/libexec/emu-manager",
    "/usr/lib/xen/bin/emu-manager",
};

/* Both managers start this path. */
static const char *const xenguests[] = {
    "/usr/libexec/xen/bin/xenguest",
};

static bool is_self(const char *path)
{
    struct stat self, other;

    /* Without /proc by the name that we were started with: never to start ourselves for ever. */
    const char *name = (const char *)getauxval(AT_EXECFN); // NOLINT(performance-no-int-to-ptr)

    return (!stat("/proc/self/exe", &self) || (name && !stat(name, &self))) &&
           !stat(path, &other) && self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

static bool usable(const char *path)
{
    return !access(path, X_OK) && !is_self(path);
}

/* The real program of @path: itself, or the one beside it where exclaim-hooks has put ours into its
 * place. */
static bool real_of(const char *path, char *real, uint32_t size)
{
    snprintf(real, size, "%s", path);
    if (usable(real)) {
        return true;
    }
    return snprintf(real, size, "%s.real", path) < (int)size && usable(real);
}

/* What the configuration names as @key; *found is false if it names nothing. */
static int from_config(const char *key, const char *configured, char *path, uint32_t size,
                       bool *found, struct exclaim_error *err)
{
    *found = configured[0];
    if (!*found) {
        return 0;
    }
    if (is_self(configured)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s %s is this program", key, configured);
    }
    if (access(configured, X_OK)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, errno, "%s %s", key, configured);
    }
    snprintf(path, size, "%s", configured);
    return 0;
}

/* The one beside the path that we were started by, where exclaim-hooks has put us there. */
static bool beside(char *path, uint32_t size)
{
    return program_invocation_name[0] == '/' &&
           snprintf(path, size, "%s.real", program_invocation_name) < (int)size && usable(path);
}

static bool from_list(const char *const *list, size_t nr, char *path, uint32_t size)
{
    for (size_t i = 0; i < nr; i++) {
        if (real_of(list[i], path, size)) {
            return true;
        }
    }
    return false;
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
    char debian[64];
    bool found;

    if (from_config("libxl_save_helper", config->libxl_save_helper, path, size, &found, err)) {
        return -1;
    }
    if (found || beside(path, size)) {
        return 0;
    }
    if (running_version(&major, &minor)) {
        snprintf(debian, sizeof(debian), "/usr/lib/xen-%u.%u/bin/libxl-save-helper", major, minor);
        if (real_of(debian, path, size)) {
            return 0;
        }
    }
    if (from_list(save_helpers, NR(save_helpers), path, size)) {
        return 0;
    }
    return major ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                "no libxl-save-helper of Xen %u.%u found, set libxl_save_helper",
                                major, minor)
                 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                "no libxl-save-helper found and no Xen is running, set "
                                "libxl_save_helper");
}

int exclaim_find_emu_manager(const struct exclaim_config *config, char *path, uint32_t size,
                             struct exclaim_error *err)
{
    bool found;

    if (from_config("emu_manager", config->emu_manager, path, size, &found, err)) {
        return -1;
    }
    if (found || from_list(emu_managers, NR(emu_managers), path, size)) {
        return 0;
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "no emu-manager found, set emu_manager");
}

int exclaim_find_xenguest(const struct exclaim_config *config, char *path, uint32_t size,
                          struct exclaim_error *err)
{
    bool found;

    if (from_config("xenguest", config->xenguest, path, size, &found, err)) {
        return -1;
    }
    if (found || beside(path, size) || from_list(xenguests, NR(xenguests), path, size)) {
        return 0;
    }
    return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "no %s.real found, set xenguest", xenguests[0]);
}
