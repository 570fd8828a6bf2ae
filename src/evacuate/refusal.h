/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EVACUATE_REFUSAL_H
#define EVACUATE_REFUSAL_H

/* What an error of XAPI's to VM.pool_migrate says of trying again. */
enum refusal {
    REFUSAL_AGAIN, /* it may go the next time */
    REFUSAL_PAIR,  /* not this VM to this host */
    REFUSAL_VM,    /* this VM to no host */
};

/* @code is XAPI's, "" for an error that is none of XAPI's. */
enum refusal refusal_of(const char *code);

#endif
