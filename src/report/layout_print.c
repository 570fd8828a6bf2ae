/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a layout run by run, as text or as JSON. */
#include "layout_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/json.h"
#include "../base/jwrite.h"
#include "../base/text.h"
#include "print.h"

/* The nodes of a run in the order of their turns; how many. */
static uint32_t turns(const struct exclaim_layout_run *run, uint32_t node[EXCLAIM_NODES_MAX])
{
    const uint32_t nr = (uint32_t)__builtin_popcountll(run->nodes);
    uint64_t same;

    for (uint32_t i = 0; i < nr; i++) {
        node[i] = exclaim_layout_run_node(run, run->first + i * run->unit, &same);
    }
    return nr;
}

void layout_print_text(const struct exclaim_layout *layout)
{
    struct exclaim_layout_reader reader;
    struct exclaim_layout_run run;
    uint32_t node[EXCLAIM_NODES_MAX];

    printf("\n%12s  %12s  %10s  %8s  NODES\n", "FIRST", "FRAMES", "SIZE", "EACH");
    if (!exclaim_layout_read(layout, &reader)) {
        return;
    }
    while (exclaim_layout_next(&reader, &run) > 0) {
        const uint32_t nr = turns(&run, node);

        printf("%12" PRIu64 "  %12" PRIu64 "  %10s  %8" PRIu64 "  ", run.first, run.frames,
               exclaim_size(run.frames).text, run.unit);
        for (uint32_t i = 0; i < nr; i++) {
            printf("%s%" PRIu32, i ? " " : "", node[i]);
        }
        putchar('\n');
    }
    puts("FRAMES with holes; EACH: so many on one node, then it is the next one's turn");
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (layout->hole_frames[n]) {
            printf("holes on node %" PRIu32 ": %s (%" PRIu64 " frames)\n", n,
                   exclaim_size(layout->hole_frames[n]).text, layout->hole_frames[n]);
        }
    }
    printf("runs: %zu bytes before they are deflated\n", layout->len);
}

void layout_print_json(const struct exclaim_layout *layout)
{
    struct exclaim_layout_reader reader;
    struct exclaim_layout_run run;
    uint32_t node[EXCLAIM_NODES_MAX];
    const char *comma = "";
    char text[16384];
    struct jwrite w;

    fputs("{\"runs\":[", stdout);
    if (exclaim_layout_read(layout, &reader)) {
        while (exclaim_layout_next(&reader, &run) > 0) {
            const uint32_t nr = turns(&run, node);

            jwrite_init(&w, text, sizeof(text));
            jwrite_begin(&w, NULL, '{');
            jwrite_u64(&w, "first", run.first);
            jwrite_u64(&w, "frames", run.frames);
            jwrite_begin(&w, "nodes", '[');
            for (uint32_t i = 0; i < nr; i++) {
                jwrite_u64(&w, NULL, node[i]);
            }
            jwrite_end(&w, ']');
            if (nr > 1) {
                jwrite_u64(&w, "unit", run.unit);
            }
            jwrite_end(&w, '}');
            printf("%s%s", comma, text);
            comma = ",";
        }
    }
    jwrite_init(&w, text, sizeof(text));
    jwrite_begin(&w, NULL, '[');
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (layout->hole_frames[n]) {
            jwrite_begin(&w, NULL, '{');
            jwrite_u64(&w, "node", n);
            jwrite_u64(&w, "frames", layout->hole_frames[n]);
            jwrite_end(&w, '}');
        }
    }
    jwrite_end(&w, ']');
    printf("],\"hole_frames\":%s,\"runs_bytes\":%zu}", text, layout->len);
}

void layout_print_object(struct json_object *o, const struct exclaim_layout *layout)
{
    const char *text = layout ? exclaim_json_text(o) : NULL;

    if (!text) {
        exclaim_json_print(o);
        return;
    }
    printf("%.*s,\"layout\":", (int)strlen(text) - 1, text);
    layout_print_json(layout);
    puts("}");
    json_object_put(o);
}
