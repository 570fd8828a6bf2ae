/* SPDX-License-Identifier: BSD-2-Clause */
/* The layout on its way through a session. */
#ifndef EXCLAIM_SESSION_LAYOUT_H
#define EXCLAIM_SESSION_LAYOUT_H

#include <exclaim/session.h>

/* Destination, with the entry in the ledger and the match decided: hands the layout to whoever will
 * place the pages.  Without one, or if that fails, pages are placed by count and the report has the
 * reason. */
void session_hand_layout(struct exclaim_session *s);

/* What the placing process made of it, from its entry. */
void session_read_layout(struct exclaim_session *s, const struct exclaim_ledger_entry *entry);

/* Destination, while the guest runs: counts like ops->count(), and checks in the same pass which of
 * its pages lie on a node that is matched to their own. */
int session_count_layout(struct exclaim_session *s, struct exclaim_count *count,
                         struct exclaim_error *err);

#endif
