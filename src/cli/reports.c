/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "cli.h"

#define REPORT_BYTES (256 * 1024L) /* of the report file's end: it grows with every migration */

int cli_reports(const char *path, cli_report_fn *each, void *arg, struct exclaim_error *err)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (!f) {
        return errno == ENOENT ? 0 : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "open %s", path);
    }
    if (!fseek(f, -REPORT_BYTES, SEEK_END)) {
        (void)!getline(&line, &size, f); /* the rest of a line */
    } else {
        rewind(f);
    }
    while (getline(&line, &size, f) >= 0) {
        json_object *o = json_tokener_parse(line);

        if (o) { /* else a line cut by a full disk */
            each(o, arg);
            json_object_put(o);
        }
    }
    free(line);
    fclose(f);
    return 0;
}
