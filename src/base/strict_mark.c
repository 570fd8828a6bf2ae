/* SPDX-License-Identifier: BSD-2-Clause */
/* The mark that says that a configuration file's policy was strict. */
#include "strict_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define STATE_DIR "/var/lib/exclaim"

static const char *state_dir(void)
{
    const char *dir = getenv("EXCLAIM_STATE_DIR");

    return dir ? dir : STATE_DIR;
}

/* FNV-1a: paths are longer than a file's name may be. */
static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (; *text; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
    }
    return h;
}

static void mark_path(const char *config_path, char *path, size_t size)
{
    snprintf(path, size, "%s/strict-%016" PRIx64, state_dir(), hash(config_path));
}

bool strict_mark(const char *config_path)
{
    char path[4096];
    struct stat st;

    mark_path(config_path, path, sizeof(path));
    return !lstat(path, &st) || (errno != ENOENT && errno != ENOTDIR);
}

/* The text is for whoever finds the file. */
static int create(const char *path, const char *config_path, struct exclaim_error *err)
{
    char text[4400];
    int fd, len = snprintf(text, sizeof(text),
                           "The policy in %s was strict. While that file cannot be read, VMs that "
                           "arrive are refused, see exclaim.conf(5).\n",
                           config_path);

    if (mkdir(state_dir(), 0700) && errno != EEXIST) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", state_dir());
    }
    fd = exclaim_file_open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600, err);
    if (fd < 0) {
        return -1;
    }
    if (write(fd, text, (size_t)len) != len) {
        /* An empty one says as much. */
    }
    close(fd);
    return 0;
}

int strict_mark_set(const char *config_path, bool strict, struct exclaim_error *err)
{
    char path[4096];

    if (strict_mark(config_path) == strict) {
        return 0;
    }
    mark_path(config_path, path, sizeof(path));
    if (strict) {
        return create(path, config_path, err);
    }
    return unlink(path) && errno != ENOENT
               ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "remove %s", path)
               : 0;
}
