/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens regular files, and nothing else that may stand in their place. */
#include "regular.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int exclaim_regular_open(int dir, const char *name, int flags, mode_t mode)
{
    const int fd = openat(dir, name, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
    struct stat st;

    if (fd < 0) {
        errno = errno == ENXIO ? 0 : errno; /* a socket, or a pipe that nobody reads */
        return -1;
    }
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        errno = 0;
        return -1;
    }
    return fd;
}
