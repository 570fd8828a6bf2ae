/* SPDX-License-Identifier: BSD-2-Clause */
/* exclaim.conf(5): `key = value` lines; every key is also a long option of the same name. */
#ifndef EXCLAIM_CONFIG_H
#define EXCLAIM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <exclaim/error.h>

enum exclaim_policy {
    EXCLAIM_POLICY_PREFER = 0, /* never break a migration that would work without us */
    EXCLAIM_POLICY_STRICT,     /* exact and on matching nodes, or refused before the first page */
    EXCLAIM_POLICY_OBSERVE,    /* report only */
};

struct exclaim_config {
    uint32_t policy;                  /* enum exclaim_policy */
    uint64_t stray_pages;             /* pages on a node that do not make it a home of the VM */
    uint64_t headroom_pages;          /* pages of a host that must stay unclaimed */
    uint64_t count_console_max_pages; /* pages a console dump may walk; 0 forbids it */
    uint64_t count_workers;           /* processes of a mapped count; 0: half of dom0's vCPUs */
    uint64_t count_ms_max;            /* time that a mapped count may take; 0 forbids it */
    uint64_t verify_paused_max_pages; /* up to so many the guest waits for the check by console */
    uint64_t peek_timeout_ms;         /* how long the destination waits for the stream to begin */
    uint32_t superpages;              /* 1: whole runs of pages are placed as 2 MiB, 0: not */
    char lock_dir[200];
    char report_file[256];
    char libxl_save_helper[256]; /* the real one; "" = look in the running Xen's usual places */
    char emu_manager[256];       /* likewise */
    char xenguest[256];          /* likewise, where our wrapper has taken its place */
    char place_object[256];      /* libexclaim-place.so; "" = no placement */
};

#define EXCLAIM_CONFIG_FILE "/etc/exclaim/exclaim.conf"

/* Another file for one process, for tests and trials: the environment of a hook is root's. */
#define EXCLAIM_CONFIG_ENV "EXCLAIM_CONF"

void exclaim_config_default(struct exclaim_config *config);

/*
 * Reads the file named by EXCLAIM_CONF, else EXCLAIM_CONFIG_FILE; without the latter the defaults
 * hold.  USAGE names file, the first wrong line, key and what is allowed; all other lines hold.
 */
int exclaim_config_load(struct exclaim_config *config, struct exclaim_error *err);

/*
 * The same for a hook, which goes on with a wrong line and must not become lenient by one.  A
 * policy `strict` is remembered outside of the file.  Where the policy cannot be read any more (the
 * file is missing, empty or not readable, or the policy's line is wrong) and was strict, *@lost is
 * true, config->policy is STRICT and the error says why: nothing may arrive.  A file without a line
 * for the policy, all others being right, has the default.  SYSTEM: all was read, but what is
 * remembered could not be changed, so that a loss to come would find another policy.
 */
int exclaim_config_load_hook(struct exclaim_config *config, bool *lost, struct exclaim_error *err);

/* One key from text.  USAGE for an unknown key or a value out of range. */
int exclaim_config_set(struct exclaim_config *config, const char *key, const char *value,
                       struct exclaim_error *err);

/* The name of key @i, NULL behind the last. */
const char *exclaim_config_key(unsigned int i);

/* The value of key @i as a line of the file would have it, "" behind the last key. */
void exclaim_config_value(const struct exclaim_config *config, unsigned int i, char *text,
                          size_t size);

const char *exclaim_policy_name(uint32_t policy);

#endif
