/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump (xen/arch/x86/numa.c in 4.17, xen/common/numa.c since, dump_numa()):
 *
 *   (XEN) [   38.330575] 'u' pressed -> dumping numa info (now = 38330512345)
 *   (XEN) NODE0 start->0 size->262144 free->181234
 *   (XEN) CPU0...1 -> NODE0
 *   (XEN) Memory location of each domain:
 *   (XEN) Domain 1 (total: 51216):           since 4.18: d1 (total: 51216):
 *   (XEN)     Node 0: 33439
 *   (XEN)     Node 1: 17777
 *   (XEN)      1 vnodes, 2 vcpus, guest physical layout:      and more, with more blanks
 *
 * Each of these lines is one printk, so it is whole or not there; other lines may stand between any
 * two of them, and an unfinished one of another CPU in front of one.  Only whole lines with Xen's
 * own prefix count: what a guest prints bears "(d5) ", and must not be taken for Xen's words.
 * A serial port sends a carriage return with each newline (xen/drivers/char/serial.c), and a
 * terminal that keeps what comes may add another: those at a line's end are none of its words.
 */
#include "console.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct line {
    const char *at;
    const char *end;
};

struct parser {
    uint32_t domid;
    uint64_t online;
    bool dump;           /* the header was seen */
    bool ours;           /* inside the domain's block */
    unsigned int blocks; /* of the domain in this dump */
    uint64_t seen;       /* nodes in its block */
    bool twice;          /* a node stands twice in it */
    bool foreign;        /* a node that is not online stands in it */
    bool absurd;         /* a number that no host has */
    struct xen_console_count count;
};

static bool take(struct line *line, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(line->end - line->at) < len || memcmp(line->at, word, len) != 0) {
        return false;
    }
    line->at += len;
    return true;
}

/* A decimal number; a value beyond @max is read to its end and sets @absurd. */
static bool take_number(struct line *line, uint64_t max, uint64_t *value, bool *absurd)
{
    const char *start = line->at;
    uint64_t n = 0;

    for (; line->at < line->end && *line->at >= '0' && *line->at <= '9'; line->at++) {
        uint64_t digit = (uint64_t)(*line->at - '0');

        if (n > (max - digit) / 10) {
            *absurd = true;
            n = 0;
        }
        n = n * 10 + digit;
    }
    *value = n;
    return line->at > start;
}

/* "(XEN) ", then perhaps a time stamp: "[   38.330575] ", "[2026-11-22 02:02:03.123] ", or with
 * console_timestamps=raw "[0000001a2b3c4d5e] ", sixteen digits (xen/drivers/char/console.c). */
static bool take_prefix(struct line *line)
{
    struct line rest;

    if (!take(line, "(XEN) ")) {
        return false;
    }
    rest = *line;
    if (take(&rest, "[")) {
        const char *start = rest.at;

        while (rest.at < rest.end &&
               ((*rest.at >= '0' && *rest.at <= '9') || (*rest.at >= 'a' && *rest.at <= 'f'))) {
            rest.at++;
        }
        rest.at = rest.at - start == 16 ? rest.at : start;
        while (rest.at < rest.end && (*rest.at == ' ' || *rest.at == '.' || *rest.at == '-' ||
                                      (*rest.at >= '0' && *rest.at <= ':'))) {
            rest.at++;
        }
        if (take(&rest, "] ")) {
            *line = rest;
        }
    }
    return true;
}

/* "Domain 1 (total: 51216):" or "d1 (total: 51216):", nothing before or behind. */
static bool take_domain(struct line line, uint64_t *domid, uint64_t *total, bool *absurd)
{
    bool bad_id = false;

    if (!take(&line, "Domain ") && !take(&line, "d")) {
        return false;
    }
    return take_number(&line, UINT32_MAX, domid, &bad_id) && !bad_id && take(&line, " (total: ") &&
           take_number(&line, EXCLAIM_PAGES_MAX, total, absurd) && take(&line, "):") &&
           line.at == line.end;
}

/* "    Node 0: 33439" with exactly four blanks. */
static bool take_node(struct line line, uint64_t *node, uint64_t *pages, bool *absurd)
{
    return take(&line, "    Node ") && take_number(&line, UINT32_MAX, node, absurd) &&
           take(&line, ": ") && take_number(&line, EXCLAIM_PAGES_MAX, pages, absurd) &&
           line.at == line.end;
}

static void see_node(struct parser *p, uint64_t node, uint64_t pages, bool absurd)
{
    uint64_t bit;

    if (absurd) {
        p->absurd = true;
        return;
    }
    bit = node < EXCLAIM_NODES_MAX ? 1ull << node : 0;
    if (!(p->online & bit)) {
        p->foreign = true;
        return;
    }
    if (p->seen & bit) {
        p->twice = true;
        return;
    }
    p->seen |= bit;
    p->count.pages[node] = pages;
}

static void see_line(struct parser *p, struct line line)
{
    uint64_t number, pages;
    bool absurd = false;

    if (!take_prefix(&line)) {
        return;
    }
    if (take(&line, "'u' pressed -> dumping numa info")) {
        *p = (struct parser){ .domid = p->domid, .online = p->online, .dump = true };
        return;
    }
    if (!p->dump) {
        return;
    }
    if (take_domain(line, &number, &pages, &absurd)) {
        p->ours = number == p->domid;
        if (p->ours) {
            p->blocks++;
            p->absurd |= absurd;
            p->count.total = pages;
        }
        return;
    }
    if (p->ours && take_node(line, &number, &pages, &absurd)) {
        see_node(p, number, pages, absurd);
    }
}

static bool __attribute__((format(printf, 3, 4)))
because(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return false;
}

static bool judge(const struct parser *p, char *why, size_t size)
{
    uint64_t missing = p->online & ~p->seen;
    uint64_t sum = 0;

    if (!p->dump) {
        return because(why, size, "no dump of key u in the console ring");
    }
    if (p->blocks == 0) {
        return because(why, size, "the dump does not show domain %u", p->domid);
    }
    if (p->blocks > 1 || p->twice) {
        return because(why, size, "two dumps are mixed at domain %u", p->domid);
    }
    if (p->absurd) {
        return because(why, size, "the dump shows an impossible number for domain %u", p->domid);
    }
    if (p->foreign) {
        return because(why, size, "the dump shows a node that is not online for domain %u",
                       p->domid);
    }
    if (missing) {
        return because(why, size, "the dump lacks node %d of domain %u", __builtin_ctzll(missing),
                       p->domid);
    }
    for (unsigned int i = 0; i < EXCLAIM_NODES_MAX; i++) {
        sum += p->count.pages[i]; /* at most 64 times 2^40 */
    }
    if (sum != p->count.total) {
        return because(why, size, "the dump's nodes add up to %" PRIu64 ", its total is %" PRIu64,
                       sum, p->count.total);
    }
    return true;
}

bool xen_console_parse(const char *text, size_t len, uint32_t domid, uint64_t online,
                       struct xen_console_count *count, char *why, size_t why_size)
{
    struct parser p = { .domid = domid, .online = online };
    const char *end = text + len;
    const char *newline, *end_of_line;

    *count = (struct xen_console_count){ 0 };
    why[0] = '\0';

    /* What follows the last newline may be half a number. */
    for (const char *at = text; at < end; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) {
            break;
        }
        end_of_line = newline;
        while (end_of_line > at && end_of_line[-1] == '\r') {
            end_of_line--;
        }
        see_line(&p, (struct line){ .at = at, .end = end_of_line });
    }

    if (!judge(&p, why, why_size)) {
        return false;
    }
    *count = p.count;
    return true;
}
