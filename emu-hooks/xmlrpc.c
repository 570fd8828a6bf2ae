/* SPDX-License-Identifier: BSD-2-Clause */
#include "xmlrpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>

static bool is(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE && !strcmp((const char *)node->name, name);
}

/* The element after @node (itself included) that is not blank text, a comment or the like. */
static xmlNode *element(xmlNode *node)
{
    while (node && node->type != XML_ELEMENT_NODE) {
        node = node->next;
    }
    return node;
}

/* The only element in @node, if it is named @name. */
static xmlNode *only(const xmlNode *node, const char *name)
{
    xmlNode *child = node ? element(node->children) : NULL;

    return is(child, name) && !element(child->next) ? child : NULL;
}

static char *text_of(const xmlNode *node)
{
    xmlChar *content = xmlNodeGetContent(node);
    char *copy = content ? strdup((const char *)content) : NULL;

    xmlFree(content);
    return copy;
}

/* <value>text</value> or <value><string>text</string></value>; NULL for any other type. */
static char *string_of(const xmlNode *value)
{
    const xmlNode *child = element(value->children);

    if (!child) {
        return text_of(value);
    }
    child = only(value, "string");
    return child && !element(child->children) ? text_of(child) : NULL;
}

static int add_member(struct xmlrpc_call *call, const xmlNode *member, struct exclaim_error *err)
{
    xmlNode *name = element(member->children), *value = name ? element(name->next) : NULL;
    struct xmlrpc_arg *arg;

    if (!is(member, "member") || !is(name, "name") || element(name->children) ||
        !is(value, "value") || element(value->next)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: not a struct of strings");
    }
    if (call->nr_args == XMLRPC_ARGS_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: more than %d arguments",
                            XMLRPC_ARGS_MAX);
    }
    arg = &call->args[call->nr_args++];
    *arg = (struct xmlrpc_arg){ .name = text_of(name), .value = string_of(value) };
    if (!arg->name || !arg->value) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: argument %u is not a string",
                            call->nr_args);
    }
    for (uint32_t i = 0; i + 1 < call->nr_args; i++) {
        if (!strcmp(call->args[i].name, arg->name)) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: argument \"%.64s\" twice",
                                arg->name);
        }
    }
    return 0;
}

static int read_call(xmlDoc *doc, struct xmlrpc_call *call, struct exclaim_error *err)
{
    xmlNode *root = xmlDocGetRootElement(doc);
    xmlNode *name = is(root, "methodCall") ? element(root->children) : NULL;
    xmlNode *params = name ? element(name->next) : NULL;
    xmlNode *session = is(params, "params") ? element(params->children) : NULL;
    xmlNode *args = session ? element(session->next) : NULL;
    xmlNode *members;

    if (!is(name, "methodName") || element(name->children) || !session || element(params->next) ||
        !is(session, "param") || !is(args, "param") || element(args->next)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "call: not a methodCall with two parameters");
    }
    members = only(only(args, "value"), "struct");
    if (!members) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: not a struct of strings");
    }
    call->function = text_of(name);
    if (!call->function) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "call");
    }
    for (xmlNode *m = element(members->children); m; m = element(m->next)) {
        if (add_member(call, m, err)) {
            return -1;
        }
    }
    return 0;
}

/* Called where a document type begins: no declaration in it is ever read. */
static void refuse_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
                           const xmlChar *system)
{
    xmlParserCtxt *parser = ctx;

    (void)name;
    (void)external;
    (void)system;
    *(bool *)parser->_private = true;
    xmlStopParser(parser);
}

int xmlrpc_call_parse(const char *xml, struct xmlrpc_call *call, struct exclaim_error *err)
{
    const size_t len = strlen(xml);
    xmlParserCtxt *parser;
    xmlDoc *doc = NULL;
    bool doctype = false;
    int rc = -1;

    *call = (struct xmlrpc_call){ 0 };
    if (len >= XMLRPC_CALL_MAX) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: %zu bytes, limit %u", len,
                            XMLRPC_CALL_MAX - 1);
    }
    parser = xmlNewParserCtxt();
    if (!parser) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "call");
    }
    parser->_private = &doctype;
    parser->sax->internalSubset = refuse_doctype;
    doc = xmlCtxtReadMemory(parser, xml, (int)len, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    if (doctype) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: has a document type");
        goto out;
    }
    if (!doc) {
        const char *why = parser->lastError.message;

        exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "call: not XML: %.*s",
                     why ? (int)strcspn(why, "\n") : 1, why ? why : "?");
        goto out;
    }
    rc = read_call(doc, call, err);

out:
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(parser);
    return rc;
}

void xmlrpc_call_free(struct xmlrpc_call *call)
{
    free(call->function);
    for (uint32_t i = 0; i < call->nr_args; i++) {
        free(call->args[i].name);
        free(call->args[i].value);
    }
    *call = (struct xmlrpc_call){ 0 };
}

/* Length of the character of XML at @p, 0 if there is none. */
static int character(const xmlChar *p)
{
    xmlChar again[8];
    int len = 4;
    int c = xmlGetUTF8Char(p, &len);

    /* xmlGetUTF8Char() takes stray and overlong bytes too; encoded again they are others. */
    return c > 0 && xmlIsCharQ((unsigned int)c) && xmlCopyCharMultiByte(again, c) == len &&
                   !memcmp(again, p, (size_t)len)
               ? len
               : 0;
}

/* @text with every byte that is no character of XML replaced; free() it. */
static char *legal(const char *text)
{
    char *copy = strdup(text);

    for (xmlChar *p = (xmlChar *)copy; p && *p;) {
        int len = character(p);

        if (len) {
            p += len;
        } else {
            *p++ = '?';
        }
    }
    return copy;
}

static bool add_string(xmlNode *parent, const char *text)
{
    char *copy = legal(text);
    xmlNode *value = copy ? xmlNewChild(parent, NULL, BAD_CAST "value", NULL) : NULL;
    /* xmlNewTextChild() escapes, xmlNewChild() would not. */
    bool ok = value && xmlNewTextChild(value, NULL, BAD_CAST "string", BAD_CAST copy);

    free(copy);
    return ok;
}

/* Adds a member to a struct; returns the member, for its value. */
static xmlNode *add_name(xmlNode *parent, const char *name)
{
    xmlNode *member = parent ? xmlNewChild(parent, NULL, BAD_CAST "member", NULL) : NULL;

    return member && xmlNewTextChild(member, NULL, BAD_CAST "name", BAD_CAST name) ? member : NULL;
}

static xmlNode *down(xmlNode *parent, const char *name)
{
    return parent ? xmlNewChild(parent, NULL, BAD_CAST name, NULL) : NULL;
}

/* @words of a failure, or one value of a success. */
static bool fill(xmlDoc *doc, bool success, const char *const *words, uint32_t nr)
{
    xmlNode *root = xmlNewDocNode(doc, NULL, BAD_CAST "methodResponse", NULL);
    xmlNode *result = NULL, *status, *member, *data;

    if (root) {
        xmlDocSetRootElement(doc, root);
        result = down(down(down(down(root, "params"), "param"), "value"), "struct");
    }
    status = add_name(result, "Status");
    if (!status || !add_string(status, success ? "Success" : "Failure")) {
        return false;
    }
    member = add_name(result, success ? "Value" : "ErrorDescription");
    if (!member) {
        return false;
    }
    if (success) {
        return add_string(member, words[0]);
    }
    data = down(down(down(member, "value"), "array"), "data");
    for (uint32_t i = 0; data && i < nr; i++) {
        if (!add_string(data, words[i])) {
            return false;
        }
    }
    return data != NULL;
}

static char *response(bool success, const char *const *words, uint32_t nr)
{
    xmlDoc *doc = xmlNewDoc(BAD_CAST "1.0");
    xmlChar *text = NULL;
    char *copy = NULL;
    int len;

    if (doc && fill(doc, success, words, nr)) {
        xmlDocDumpMemoryEnc(doc, &text, &len, "UTF-8");
    }
    if (text) {
        copy = strdup((const char *)text);
    }
    xmlFree(text);
    xmlFreeDoc(doc);
    return copy;
}

char *xmlrpc_success(const char *value)
{
    return response(true, &value, 1);
}

char *xmlrpc_failure(const char *const *words, uint32_t nr)
{
    return response(false, words, nr);
}
