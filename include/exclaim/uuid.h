/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_UUID_H
#define EXCLAIM_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include <exclaim/limits.h>

/* The usual 8-4-4-4-12 form, lower case. */
void exclaim_uuid_format(const uint8_t uuid[EXCLAIM_UUID_BYTES], char text[EXCLAIM_UUID_TEXT]);

/* Accepts only that form (either case); false otherwise. */
bool exclaim_uuid_parse(const char *text, uint8_t uuid[EXCLAIM_UUID_BYTES]);

/*
 * Whether @handle may be the domain of VM @vm on the host where it arrives: the VM's uuid or, until
 * xenopsd has the domain complete, its first 20 digits and 000000000001 (xen-api
 * ocaml/xenopsd/lib/xenops_server.ml; the domain is created with that handle).
 */
bool exclaim_uuid_arrives(const uint8_t vm[EXCLAIM_UUID_BYTES],
                          const uint8_t handle[EXCLAIM_UUID_BYTES]);

#endif
