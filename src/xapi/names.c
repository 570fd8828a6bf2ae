/* SPDX-License-Identifier: BSD-2-Clause */
/* What XAPI's references in an error stand for, by the database as it was read last. */
#include "database.h"

#include <stdio.h>
#include <string.h>

#include <exclaim/uuid.h>

#include "../base/text.h"

static const char prefix[] = "OpaqueRef:";

#define REF_LENGTH (sizeof(prefix) - 1 + 36)

void names_keep(struct exclaim_xapi *xapi, const struct database *db)
{
    static const enum db_class classes[] = { DB_HOST, DB_VM, DB_SR, DB_NETWORK };

    json_object_put(xapi->names);
    xapi->names = json_object_new_object();
    for (size_t c = 0; c < sizeof(classes) / sizeof(classes[0]); c++) {
        json_object_object_foreach(db_table(db, classes[c]), ref, record)
        {
            json_object_object_add(xapi->names, ref,
                                   json_object_new_string(db_text(record, "name_label")));
        }
    }
}

/* Bytes of the reference at @at, 0 if none begins here.  One with a uuid ends with that, whatever
 * follows; any other one, or one that was cut short, where no more of its characters follow. */
static size_t reference(const char *at)
{
    const size_t head = sizeof(prefix) - 1;
    uint8_t uuid[EXCLAIM_UUID_BYTES];
    char text[EXCLAIM_UUID_TEXT];

    if (strncmp(at, prefix, head) != 0) {
        return 0;
    }
    snprintf(text, sizeof(text), "%s", at + head);
    return exclaim_uuid_parse(text, uuid)
               ? REF_LENGTH
               : head + strspn(at + head, "0123456789abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
}

void names_put(const struct exclaim_xapi *xapi, struct exclaim_error *err)
{
    char text[sizeof(err->text)], ref[sizeof(err->text)];
    size_t out = 0, len;

    if (!err) {
        return;
    }
    for (const char *at = err->text; *at && out + 1 < sizeof(text);) {
        const char *name;

        len = reference(at);
        if (!len) {
            text[out++] = *at++;
            continue;
        }
        memcpy(ref, at, len);
        ref[len] = '\0';
        at += len;
        name = !strcmp(ref, "OpaqueRef:NULL") ? "(none)"
                                              : json_object_get_string(jread_get(xapi->names, ref));
        for (name = name && *name ? name : "(not named)"; *name && out + 1 < sizeof(text);) {
            text[out++] = *name++;
        }
    }
    text[out] = '\0';
    memcpy(err->text, exclaim_clean(text), out + 1);
}
