/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report file of any bytes, as exclaim status shows it: what is printed is text, and JSON is
 * JSON.  fuzz_reports -max_total_time=60 corpus/fuzz_reports
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/jread.h"
#include "cli/cli.h"
#include "report/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const shown[] = { "role", "outcome", "guarantee", "exact", "why", "error" };

static void each(json_object *report, void *arg)
{
    struct table *t = arg;
    const char *text = exclaim_json_text(report);
    json_object *again, *value;

    if (!text || jread_parse(text, strlen(text), &again, NULL)) {
        abort();
    }
    json_object_put(again);
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        table_cell(t, "%s",
                   json_object_object_get_ex(report, shown[i], &value)
                       ? json_object_get_string(value)
                       : "");
    }
}

/* What a terminal would obey. */
static bool clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f) {
            return false;
        }
    }
    return !memmem(text, len, "\xc2\x9b", 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const head[] = { "ROLE", "OUTCOME", "GUARANTEE", "EXACT",
                                        "WHY",  "ERROR",   NULL };
    static char path[32];
    static int fd = -1;
    struct exclaim_error err = { 0 };
    char *out = NULL;
    size_t len = 0;
    struct table t;
    FILE *f;

    if (fd < 0) {
        fd = memfd_create("reports", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size || table_init(&t, head)) {
        abort();
    }
    if (cli_reports(path, CLI_REPORTS_END, each, &t, &err)) {
        abort();
    }
    f = open_memstream(&out, &len);
    table_print(&t, f);
    fclose(f);
    if (!clean(out, len)) {
        abort();
    }
    free(out);
    table_free(&t);
    return 0;
}
