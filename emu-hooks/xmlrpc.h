/* SPDX-License-Identifier: BSD-2-Clause */
/* The two XML-RPC messages of a XAPI plugin: the call in argv[1], the response on stdout. */
#ifndef EXCLAIM_XMLRPC_H
#define EXCLAIM_XMLRPC_H

#include <stdint.h>

#include <exclaim/error.h>

#define XMLRPC_ARGS_MAX 16
/* The kernel hands on 128 KiB in one argument (MAX_ARG_STRLEN); more was not sent by xapi. */
#define XMLRPC_CALL_MAX (128u << 10)

struct xmlrpc_arg {
    char *name, *value;
};

struct xmlrpc_call {
    char *function;
    uint32_t nr_args;
    struct xmlrpc_arg args[XMLRPC_ARGS_MAX];
};

/*
 * Reads a methodCall with the parameters [session, struct of strings].  The session is not looked
 * at: xapi has checked it.  Anything else is USAGE: another shape, a document type (so there are
 * no entities but XML's own five), another type than string, a name twice, more than
 * XMLRPC_ARGS_MAX members.  Release with xmlrpc_call_free(), also after a failure.
 */
int xmlrpc_call_parse(const char *xml, struct xmlrpc_call *call, struct exclaim_error *err);
void xmlrpc_call_free(struct xmlrpc_call *call);

/*
 * A methodResponse; free() it.  NULL when there is no memory.  What XML cannot carry becomes "?".
 * xmlrpc_failure(): @nr words, of which the first is xapi's error code.
 */
char *xmlrpc_success(const char *value);
char *xmlrpc_failure(const char *const *words, uint32_t nr);

#endif
