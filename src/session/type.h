/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXCLAIM_RESTORE_TYPE_H
#define EXCLAIM_RESTORE_TYPE_H

#include <inttypes.h>

#include <exclaim/session.h>

/* The toolstack says one type of guest and Xen another: nothing that we could say of this stream
 * would be sure. */
static inline int session_other_type(const struct exclaim_session *s, struct exclaim_error *err)
{
    if (!s->known.type || s->known.hvm == s->dom.hvm) {
        return 0;
    }
    return exclaim_fail(err, EXCLAIM_ERR_UNSUPPORTED, 0,
                        "the toolstack takes domain %" PRIu32 " for a %s guest, Xen for a %s one",
                        s->dom.domid, s->known.hvm ? "HVM" : "PV", s->dom.hvm ? "HVM" : "PV");
}

#endif
