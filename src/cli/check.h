/* SPDX-License-Identifier: BSD-2-Clause */
/* What `exclaim check` found, and how it is printed. */
#ifndef EXCLAIM_CLI_CHECK_H
#define EXCLAIM_CLI_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include <json-c/json.h>

#include "cli.h"

#define CHECK_LINES 32

enum check_state { CHECK_OK, CHECK_DEGRADED, CHECK_BROKEN };

struct check_line {
    char name[24];
    enum check_state state;
    char text[400];
};

struct check {
    uint32_t nr;
    struct check_line line[CHECK_LINES];
    enum check_state worst;
};

/* Of a whole pool: one object per host, with its answer or the reason why there is none. */
struct check_pool {
    json_object *hosts;
    enum check_state worst;
};

/* 0, 3 or 5. */
int check_exit(enum check_state worst);

int check_print(const struct check *c, struct exclaim_error *err);
void check_print_json(const struct check *c);

/* An exclaim_xapi_check_fn. */
void check_pool_add(void *pool, const char *host, const char *uuid, const char *answer,
                    const struct exclaim_error *err);
int check_pool_print(const struct check_pool *pool, struct exclaim_error *err);
int check_pool_print_json(struct check_pool *pool);
void check_pool_free(struct check_pool *pool);

#endif
