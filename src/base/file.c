/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: opened, read whole, replaced. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "regular.h"

#define FIRST_BYTES 65536u

int exclaim_file_open(const char *path, int flags, mode_t mode, struct exclaim_error *err)
{
    const int fd = exclaim_regular_open(AT_FDCWD, path, flags, mode);

    if (fd >= 0) {
        return fd;
    }
    return errno ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path)
                 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s is no regular file", path);
}

bool exclaim_file_loads(const char *path)
{
    struct stat st;

    if (access(path, R_OK) || stat(path, &st)) {
        return false;
    }
    if (!S_ISREG(st.st_mode)) {
        errno = ENOEXEC;
        return false;
    }
    return true;
}

int exclaim_file_read(const char *path, size_t max, char **data, size_t *len,
                      struct exclaim_error *err)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    size_t size = 0;
    int rc = -1;

    *data = NULL;
    *len = 0;
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    for (;;) {
        ssize_t r;

        if (*len == size) {
            char *more = size > max ? NULL : realloc(*data, size * 2 + FIRST_BYTES);

            if (!more) {
                rc = size > max ? exclaim_fail(err, EXCLAIM_ERR_STREAM, 0,
                                               "%s: above the limit of %zu bytes", path, max)
                                : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "read %s", path);
                break;
            }
            *data = more;
            size = size * 2 + FIRST_BYTES;
        }
        r = read(fd, *data + *len, size - *len);
        if (r < 0 && errno == EINTR) {
            continue;
        }
        if (r <= 0) {
            rc = r ? exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "read %s", path) : 0;
            break;
        }
        *len += (size_t)r;
    }
    if (fd != STDIN_FILENO) {
        close(fd);
    }
    if (rc) {
        free(*data);
        *data = NULL;
    }
    return rc;
}

int replacement_open(struct replacement *r, const char *path, struct exclaim_error *err)
{
    const mode_t mask = umask(0);
    int fd;

    umask(mask);
    *r = (struct replacement){ .path = path };
    if (snprintf(r->temporary, sizeof(r->temporary), "%s.XXXXXX", path) >=
        (int)sizeof(r->temporary)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "a file name of %zu bytes is too long",
                            strlen(path));
    }
    fd = mkstemp(r->temporary);
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", r->temporary);
    }
    fchmod(fd, 0666 & ~mask);
    r->f = fdopen(fd, "w");
    if (!r->f) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", path);
        close(fd);
        unlink(r->temporary);
        return -1;
    }
    return 0;
}

int replacement_close(struct replacement *r, int rc, struct exclaim_error *err)
{
    if (!rc && (fflush(r->f) || ferror(r->f) || fsync(fileno(r->f)))) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "write %s", r->path);
    }
    fclose(r->f);
    if (!rc && rename(r->temporary, r->path)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "rename to %s", r->path);
    }
    if (rc) {
        unlink(r->temporary);
    }
    return rc;
}
