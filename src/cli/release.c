/* SPDX-License-Identifier: BSD-2-Clause */
/* `exclaim release`: gives a domain's claim back. */
#include <inttypes.h>
#include <stdio.h>

#include "../base/json.h"
#include "../base/text.h"
#include "../report/print.h"
#include "cli.h"

int verb_release(struct cli *cli, struct exclaim_error *err)
{
    const struct exclaim_claim none = { .kind = EXCLAIM_CLAIM_NONE };
    struct exclaim_domain dom;
    struct exclaim_hv *hv;
    int rc;

    if (cli_open(cli, &hv, &dom, err)) {
        return -1;
    }
    rc = hv->ops->claim(hv, dom.domid, &none, err);
    hv->ops->close(hv);
    if (rc) {
        return -1;
    }
    if (cli->json) {
        json_object *o = exclaim_json_schema("release");

        exclaim_json_u64(o, "domid", dom.domid);
        exclaim_json_u64(o, "released_pages", dom.outstanding_pages);
        exclaim_json_print(o);
    } else {
        printf("domain %" PRIu32 ": %s released (%" PRIu64 " page%s)\n", dom.domid,
               exclaim_size(dom.outstanding_pages).text, dom.outstanding_pages,
               exclaim_s(dom.outstanding_pages));
    }
    return 0;
}
