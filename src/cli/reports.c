/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the last lines of the report file, one JSON object each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/jread.h"
#include "../base/output.h"
#include "cli.h"

int cli_reports(const char *path, long bytes, cli_report_fn *each, void *arg,
                struct exclaim_error *err)
{
    struct exclaim_error failed = { 0 };
    int fd = exclaim_open_read(path, &failed);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    if (fd < 0) {
        return failed.errnum == ENOENT
                   ? 0
                   : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "%s", failed.text);
    }
    if (!f) {
        close(fd);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "read %s", path);
    }
    if (bytes && !fseek(f, -bytes, SEEK_END)) {
        (void)!getline(&line, &size, f); /* the rest of a line */
    } else {
        rewind(f);
    }
    while ((len = getline(&line, &size, f)) >= 0) {
        json_object *o;

        if (!jread_parse(line, (size_t)len, &o, NULL)) { /* else a line cut by a full disk */
            if (json_object_is_type(o, json_type_object)) {
                each(o, arg);
            }
            json_object_put(o);
        }
    }
    free(line);
    fclose(f);
    return 0;
}
