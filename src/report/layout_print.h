/* SPDX-License-Identifier: BSD-2-Clause */
/* A layout for people and for programs, run by run: never all of it in memory. */
#ifndef EXCLAIM_LAYOUT_PRINT_H
#define EXCLAIM_LAYOUT_PRINT_H

#include <exclaim/layout.h>

void layout_print_text(const struct exclaim_layout *layout);

/* One JSON value: "runs" with "first", "frames", "nodes" in the order of their turns and, where
 * there are several, "unit"; "hole_frames" per node; "runs_bytes". */
void layout_print_json(const struct exclaim_layout *layout);

struct json_object;

/* @o with @layout as its last member, or without if that is NULL; frees @o. */
void layout_print_object(struct json_object *o, const struct exclaim_layout *layout);

#endif
