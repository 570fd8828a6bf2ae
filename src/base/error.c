/* SPDX-License-Identifier: BSD-2-Clause */
/* Filling, wrapping and translating the one error object: it never allocates, so it cannot fail. */
#include <exclaim/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

int exclaim_fail(struct exclaim_error *err, enum exclaim_error_kind kind, int errnum,
                 const char *fmt, ...)
{
    va_list ap;
    size_t used;
    int n;

    if (!err) {
        return -1;
    }
    err->kind = kind;
    err->errnum = errnum;

    va_start(ap, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n < 0) {
        err->text[0] = '\0';
    }

    used = strlen(err->text);
    if (errnum) {
        char buf[128];

        snprintf(err->text + used, sizeof(err->text) - used, ": %s",
                 strerror_r(errnum, buf, sizeof(buf)));
    }
    exclaim_clean(err->text);
    return -1;
}

int exclaim_error_wrap(struct exclaim_error *err, const char *fmt, ...)
{
    char old[sizeof(err->text)];
    va_list ap;
    size_t used;

    if (!err) {
        return -1;
    }
    memcpy(old, err->text, sizeof(old));

    va_start(ap, fmt);
    if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0) {
        err->text[0] = '\0';
    }
    va_end(ap);

    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %.*s", (int)(sizeof(err->text) - used),
             old);
    exclaim_clean(err->text);
    return -1;
}

int exclaim_error_exit_code(const struct exclaim_error *err)
{
    switch (err->kind) {
    case EXCLAIM_OK:
        return 0;
    case EXCLAIM_ERR_USAGE:
        return 2;
    case EXCLAIM_ERR_NOFIT:
        return 3;
    case EXCLAIM_ERR_UNSUPPORTED:
        return 4;
    case EXCLAIM_ERR_STREAM:
    case EXCLAIM_ERR_SYSTEM:
        break;
    }
    return 5;
}
