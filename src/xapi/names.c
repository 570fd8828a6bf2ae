/* SPDX-License-Identifier: BSD-2-Clause */
/* What XAPI's references in an error stand for, by the database as it was read last. */
#include "database.h"

#include <string.h>

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

void names_put(const struct exclaim_xapi *xapi, struct exclaim_error *err)
{
    char text[sizeof(err->text)], ref[REF_LENGTH + 1];
    size_t out = 0;

    for (const char *at = err->text; *at && out + 1 < sizeof(text);) {
        const char *name = NULL;

        if (!strncmp(at, prefix, sizeof(prefix) - 1) && strlen(at) >= REF_LENGTH) {
            memcpy(ref, at, REF_LENGTH);
            ref[REF_LENGTH] = '\0';
            name = json_object_get_string(jread_get(xapi->names, ref));
        }
        if (name && *name) {
            while (*name && out + 1 < sizeof(text)) {
                text[out++] = *name++;
            }
            at += REF_LENGTH;
        } else if (name || (!strncmp(at, prefix, sizeof(prefix) - 1) && strlen(at) >= REF_LENGTH)) {
            static const char nameless[] = "(not named)";

            for (const char *c = nameless; *c && out + 1 < sizeof(text); c++) {
                text[out++] = *c;
            }
            at += REF_LENGTH;
        } else {
            text[out++] = *at++;
        }
    }
    text[out] = '\0';
    memcpy(err->text, exclaim_clean(text), out + 1);
}
