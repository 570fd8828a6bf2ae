/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends, receives and takes apart EMP's JSON objects, with descriptors beside them. */
#include "emp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void emp_address(struct sockaddr_un *at, uint32_t domid)
{
    const char *dir = getenv("FAKE_DIR");

    memset(at, 0, sizeof(*at));
    at->sun_family = AF_UNIX;
    snprintf(at->sun_path, sizeof(at->sun_path), "%s/xenguest-control-%" PRIu32,
             dir ? dir : "/run/xen", domid);
}

void emp_open(struct emp *e, int fd)
{
    e->fd = fd;
    e->tok = json_tokener_new();
    e->len = 0;
}

int emp_fill(struct emp *e, int *fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = { .iov_base = e->buf + e->len, .iov_len = sizeof(e->buf) - e->len };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *c;
    ssize_t r;

    do {
        r = recvmsg(e->fd, &msg, MSG_CMSG_CLOEXEC);
    } while (r < 0 && errno == EINTR);
    if (r <= 0) {
        return -1;
    }
    e->len += (size_t)r;
    c = CMSG_FIRSTHDR(&msg);
    if (fd && c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        memcpy(fd, CMSG_DATA(c), sizeof(*fd));
    }
    return 0;
}

json_object *emp_next(struct emp *e, int *bad)
{
    json_object *o;
    size_t used;

    *bad = 0;
    while (e->len && strchr(" \r\n\t", e->buf[0])) {
        memmove(e->buf, e->buf + 1, --e->len);
    }
    if (!e->len) {
        return NULL;
    }
    json_tokener_reset(e->tok);
    o = json_tokener_parse_ex(e->tok, e->buf, (int)e->len);
    if (!o) {
        *bad = json_tokener_get_error(e->tok) != json_tokener_continue || e->len == sizeof(e->buf);
        return NULL;
    }
    used = json_tokener_get_parse_end(e->tok);
    memmove(e->buf, e->buf + used, e->len - used);
    e->len -= used;
    return o;
}

int emp_send(int socket, const char *text, int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    ssize_t r;

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = control;
        msg.msg_controllen = sizeof(control);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    do {
        r = sendmsg(socket, &msg, MSG_NOSIGNAL);
    } while (r < 0 && errno == EINTR);
    return r == (ssize_t)iov.iov_len ? 0 : -1;
}

const char *emp_string(json_object *o, const char *a, const char *b)
{
    json_object *v;

    if (!json_object_object_get_ex(o, a, &v) || (b && !json_object_object_get_ex(v, b, &v))) {
        return NULL;
    }
    return json_object_get_string(v);
}
