/* SPDX-License-Identifier: BSD-2-Clause */
/* EMP, both ends: JSON objects without a terminator over a unix stream socket. */
#ifndef FAKE_EMP_H
#define FAKE_EMP_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

/* Of xenguest for @domid: in FAKE_DIR, else where the real ones have it. */
void emp_address(struct sockaddr_un *at, uint32_t domid);

struct emp {
    int fd;
    struct json_tokener *tok;
    size_t len;
    char buf[4096];
};

void emp_open(struct emp *e, int fd);

/* One recvmsg(); 0, or -1 at the end or on an error.  A descriptor that came is put into *fd. */
int emp_fill(struct emp *e, int *fd);
/* The next whole object, NULL if there is none yet.  *bad: it is no JSON. */
json_object *emp_next(struct emp *e, int *bad);

/* A command with up to one argument list of strings, and a descriptor or -1. */
int emp_send(int socket, const char *text, int fd);

/* The string at obj[a] or obj[a][b] (b not NULL); NULL if there is none. */
const char *emp_string(json_object *o, const char *a, const char *b);

#endif
