/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that everything printed needs. */
#ifndef EXCLAIM_PRINT_H
#define EXCLAIM_PRINT_H

#include <stddef.h>
#include <stdint.h>

struct json_object;

/* Prints @o on one line and frees it. */
void exclaim_json_print(struct json_object *o);

double exclaim_mib(uint64_t pages);

/* How old what was read @then is @now (unix ms): "12 s", "3 min", "2 h"; "" for @then 0. */
void exclaim_age_text(int64_t now, int64_t then, char *text, size_t size);

#endif
