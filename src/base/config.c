/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of exclaim.conf(5) and their limits. */
#include <exclaim/config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/limits.h>

#include "nearest.h"

#ifndef EXCLAIM_PLACE_OBJECT
#error "the build says where libexclaim-place.so is installed"
#endif

enum key_type { KEY_NUMBER, KEY_PATH, KEY_PATH_OR_NONE, KEY_POLICY, KEY_SWITCH };

struct key {
    const char *name;
    enum key_type type;
    size_t offset;
    size_t size;
    uint64_t max;
};

/* clang-format off */
#define FIELD(field, type, max) \
    { #field, type, offsetof(struct exclaim_config, field), \
      sizeof(((struct exclaim_config *)NULL)->field), max }
/* clang-format on */
#define NUMBER(field, max) FIELD(field, KEY_NUMBER, max)
#define PATH(field)        FIELD(field, KEY_PATH, 0)
#define OPTIONAL(field)    FIELD(field, KEY_PATH_OR_NONE, 0)

static const struct key keys[] = {
    FIELD(policy, KEY_POLICY, 0),
    NUMBER(stray_pages, EXCLAIM_PAGES_MAX),
    NUMBER(headroom_pages, EXCLAIM_PAGES_MAX),
    NUMBER(count_console_max_pages, EXCLAIM_PAGES_MAX),
    NUMBER(count_workers, 64),
    NUMBER(count_ms_max, 600000),
    NUMBER(verify_paused_max_pages, EXCLAIM_PAGES_MAX),
    NUMBER(peek_timeout_ms, 600000),
    FIELD(superpages, KEY_SWITCH, 0),
    PATH(lock_dir),
    PATH(report_file),
    OPTIONAL(libxl_save_helper),
    OPTIONAL(emu_manager),
    OPTIONAL(xenguest),
    OPTIONAL(place_object),
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *const policies[] = { "prefer", "strict", "observe" };

const char *exclaim_policy_name(uint32_t policy)
{
    return policy < sizeof(policies) / sizeof(policies[0]) ? policies[policy] : "?";
}

const char *exclaim_config_key(unsigned int i)
{
    return i < NR_KEYS ? keys[i].name : NULL;
}

void exclaim_config_value(const struct exclaim_config *config, unsigned int i, char *text,
                          size_t size)
{
    const char *field = (const char *)config + (i < NR_KEYS ? keys[i].offset : 0);

    text[0] = '\0';
    if (i >= NR_KEYS) {
        return;
    }
    switch (keys[i].type) {
    case KEY_NUMBER:
        snprintf(text, size, "%" PRIu64, *(const uint64_t *)(const void *)field);
        return;
    case KEY_POLICY:
        snprintf(text, size, "%s", exclaim_policy_name(*(const uint32_t *)(const void *)field));
        return;
    case KEY_SWITCH:
        snprintf(text, size, "%s", *(const uint32_t *)(const void *)field ? "yes" : "no");
        return;
    case KEY_PATH:
    case KEY_PATH_OR_NONE:
        snprintf(text, size, "%s", field);
        return;
    }
}

void exclaim_config_default(struct exclaim_config *config)
{
    *config = (struct exclaim_config){
        .policy = EXCLAIM_POLICY_PREFER,
        .stray_pages = 256,
        .headroom_pages = 16384, /* 64 MiB, Xen's default low_mem_virq_limit */
        /* 64 GiB of domains: Xen walks 10-100 ns per page with a domain's allocation blocked. */
        .count_console_max_pages = 16u << 20,
        .count_workers = 0,
        .count_ms_max = 15000, /* less than the destination waits for the stream to begin */
        .verify_paused_max_pages = 1u << 20,
        .peek_timeout_ms = 30000, /* a source that counts a large host begins late */
        .superpages = 1,
        .lock_dir = "/run/exclaim",
        .report_file = "/var/log/exclaim/migrations.ndjson",
        .libxl_save_helper = "",
        .emu_manager = "",
        .xenguest = "",
        .place_object = EXCLAIM_PLACE_OBJECT,
    };
}

static int set_number(const struct key *key, uint64_t *field, const char *value,
                      struct exclaim_error *err)
{
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || errno || number > key->max) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "%s: \"%s\" is not a number from 0 to %" PRIu64, key->name, value,
                            key->max);
    }
    *field = number;
    return 0;
}

static int set_policy(uint32_t *field, const char *value, struct exclaim_error *err)
{
    for (uint32_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        if (!strcmp(value, policies[i])) {
            *field = i;
            return 0;
        }
    }
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                        "policy: \"%s\" is not prefer, strict or observe", value);
}

static int set_switch(const struct key *key, uint32_t *field, const char *value,
                      struct exclaim_error *err)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s: \"%s\" is not yes or no", key->name,
                            value);
    }
    *field = value[0] == 'y';
    return 0;
}

int exclaim_config_set(struct exclaim_config *config, const char *name, const char *value,
                       struct exclaim_error *err)
{
    struct nearest near = { .word = name };

    for (unsigned int i = 0; i < NR_KEYS; i++) {
        const struct key *key = &keys[i];
        char *field = (char *)config + key->offset;

        if (strcmp(name, key->name) != 0) {
            continue;
        }
        switch (key->type) {
        case KEY_NUMBER:
            return set_number(key, (uint64_t *)(void *)field, value, err);
        case KEY_POLICY:
            return set_policy((uint32_t *)(void *)field, value, err);
        case KEY_SWITCH:
            return set_switch(key, (uint32_t *)(void *)field, value, err);
        case KEY_PATH:
        case KEY_PATH_OR_NONE:
            if (strlen(value) >= key->size) {
                return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                    "%s: path of %zu characters, limit %zu", key->name,
                                    strlen(value), key->size - 1);
            }
            if (value[0] != '/' && (value[0] || key->type == KEY_PATH)) {
                return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s: \"%s\" is not an absolute path",
                                    key->name, value);
            }
            strcpy(field, value);
            return 0;
        }
    }
    for (unsigned int i = 0; exclaim_config_key(i); i++) {
        nearest_try(&near, exclaim_config_key(i));
    }
    return near.best ? exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                    "unknown key \"%s\", did you mean %s?", name, near.best)
                     : exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                                    "unknown key \"%s\", exclaim help config lists them", name);
}
