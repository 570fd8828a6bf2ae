/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that everything printed needs. */
#ifndef EXCLAIM_PRINT_H
#define EXCLAIM_PRINT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

/*
 * printf() of one line, for texts that others wrote: all of it is cleaned but for the line breaks
 * that @fmt begins and ends with.  There are none inside of it.
 */
void exclaim_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void exclaim_vprint(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* "distances: node 0: 10 21; node 1: 21 10\n", node by node: @first is the one that begins the
 * line. */
void exclaim_print_distances(bool first, uint32_t node, const uint32_t *distance, uint32_t nr);

/* Prints @o on one line and frees it. */
void exclaim_json_print(struct json_object *o);

/* How old what was read @then is @now (unix ms): "12 s", "3 min", "2 h", "9 days"; "" for @then 0,
 * "5 s ahead of our clock" for one to come. */
void exclaim_age_text(int64_t now, int64_t then, char *text, size_t size);

/* The same as when that was: "5 s ago". */
void exclaim_ago_text(int64_t now, int64_t then, char *text, size_t size);

#endif
