/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands where both emu-managers expect xenguest (/usr/libexec/xen/bin/xenguest, fixed in their
 * code), if an administrator wants exact placement: becomes the real one, moved aside, with the
 * placing object in it.  The manager has cleared the environment and nobody knows yet what will be
 * restored; so the object is told where the ledger is, and finds its domain's entry by itself.
 *
 * Only `-mode listen` can become a restore; every other mode is the real xenguest's alone.
 *
 * Invocation: by emu-manager, and by xenopsd when it builds a domain.  Exit: the real xenguest's
 * own; 5 when it cannot be started.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/child.h>
#include <exclaim/log.h>

#include "../src/base/file.h"

/* The value behind the last @option; NULL if there is none. */
static const char *value_of(int argc, char *const *argv, const char *option)
{
    const char *value = NULL;

    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], option)) {
            value = argv[i + 1];
        }
    }
    return value;
}

/* Whatever is wrong with it, the restore goes on without placement. */
static void preload(const struct exclaim_config *config, const char *domid)
{
    const char *others = getenv("LD_PRELOAD");
    char list[1024], place[512];

    if (!config->place_object[0] || !exclaim_file_loads(config->place_object)) {
        return;
    }
    if (snprintf(list, sizeof(list), "%s%s%s", config->place_object, others && *others ? " " : "",
                 others ? others : "") >= (int)sizeof(list) ||
        snprintf(place, sizeof(place), "@%s/" EXCLAIM_LEDGER_FILE ":%s", config->lock_dir, domid) >=
            (int)sizeof(place) ||
        setenv(EXCLAIM_PLACE_ENV, place, 1) || setenv("LD_PRELOAD", list, 1)) {
        unsetenv(EXCLAIM_PLACE_ENV);
        exclaim_log(LOG_WARNING, "domain %s: pages are not placed: environment", domid);
    }
}

int main(int argc, char **argv)
{
    const char *mode = value_of(argc, argv, "-mode"), *domid = value_of(argc, argv, "-domid");
    struct exclaim_config config;
    struct exclaim_error err = { 0 };
    char path[512];

    exclaim_log_open("exclaim-xenguest", LOG_INFO);
    if (exclaim_config_load(&config, &err)) {
        exclaim_log(LOG_ERR, "%s; going on without that line", err.text);
    }
    if (exclaim_find_xenguest(&config, path, sizeof(path), &err)) {
        exclaim_log(LOG_ERR, "%s", err.text);
        return 5;
    }
    if (mode && domid && !strcmp(mode, "listen")) {
        preload(&config, domid);
    }
    argv[0] = path;
    execv(path, argv);
    exclaim_log(LOG_ERR, "start %s: %m", path);
    return 5;
}
