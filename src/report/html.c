/* SPDX-License-Identifier: BSD-2-Clause */
/* The frame of a page: its file, its style, its texts. */
#include "html_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../base/text.h"
#include "../base/short.h"

/*
 * One meaning for each colour: stay, it is there before and after; move, it leaves; kept, it
 * arrives with its shape; bent, merged or split; blind, on nodes that are not known; no, it cannot
 * go; held, claimed by others.  Text on a colour is --on.  tests/verbs/test_pages.py measures the
 * contrasts.
 */
static const char style[] =
    ":root{--ink:#1d2733;--dim:#55636f;--paper:#fff;--panel:#f5f7f9;--line:#d9dfe5;--on:#fff;"
    "--stay:#5b6f85;--stay2:#4f6277;--move:#2b66a8;--kept:#1f7a54;--bent:#8a5a00;--blind:#6b57a8;"
    "--no:#b3263a;--held:#c3ccd5;--band:.3}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#e4e9ee;--dim:#a3b0bd;"
    "--paper:#14191f;--panel:#1d242c;--line:#3d4854;--on:#10161d;--stay:#8fa5bb;--stay2:#a3b6c9;"
    "--move:#7fb2ea;--kept:#4fc08d;--bent:#e0a63a;--blind:#b7a5ea;--no:#f0808c;--held:#46525f;"
    "--band:.28}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1500px;padding:24px 32px 64px;"
    "font:14px/1.45 system-ui,'DejaVu Sans',sans-serif;color:var(--ink);background:var(--paper);"
    "overflow-wrap:anywhere;-webkit-print-color-adjust:exact;print-color-adjust:exact}\n"
    "h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:32px 0 10px}p{margin:6px 0}\n"
    ".dim,th{color:var(--dim)}.note{border-left:3px solid var(--dim);padding-left:10px}\n"
    ".verdict{margin:14px 0;padding:12px 16px;border-radius:6px;background:var(--panel);"
    "border-left:6px solid var(--no);font-size:16px}.verdict.good{border-color:var(--kept)}\n"
    ".sum{display:flex;flex-wrap:wrap;gap:10px;margin:0 0 14px}.sum "
    "div{background:var(--panel);border:1px solid "
    "var(--line);border-radius:6px;padding:6px 14px;color:var(--dim)}.sum b{display:block;"
    "font-size:20px;color:var(--ink);font-variant-numeric:tabular-nums}\n"
    ".hosts{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),"
    "1fr))}.hosts.few{grid-template-columns:repeat(auto-fit,minmax(min(100%,560px),1fr))}\n"
    ".host{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px 10px;"
    "min-width:0;break-inside:avoid}.host h3{font-size:13px;margin:0 0 4px;display:flex;"
    "justify-content:space-between;gap:8px}.host h3 span{font-weight:400;color:var(--dim);"
    "white-space:nowrap}.host.source{border-color:var(--move)}\n"
    ".row{display:flex;align-items:center;gap:6px;margin:3px 0;font-size:12px;color:var(--dim)}"
    ".row>span{flex:none}.row>.l{width:46px}.row>.n{width:112px}.track{flex:1;min-width:0}"
    ".bar{position:relative;display:flex;height:17px;outline:1px solid var(--line);"
    "background:var(--paper)}.bar i{flex:none;height:100%;overflow:hidden;"
    "font:10px/17px system-ui,'DejaVu Sans',sans-serif;color:var(--on);box-shadow:inset -1px 0 "
    "var(--paper)}.bar i::before{content:'';display:inline-block}.bar b{display:inline-block;"
    "padding:0 3px;white-space:nowrap;font-weight:400}.bar i.held{margin-left:auto}.bar "
    "u{position:absolute;top:-3px;bottom:-3px;"
    "border-left:2px dashed var(--ink)}\n"
    ".stay{background:var(--stay);fill:var(--stay)}.stay2{background:var(--stay2);"
    "fill:var(--stay2)}.move{background:var(--move);fill:var(--move)}.kept{background:var(--kept);"
    "fill:var(--kept)}.bent{background:var(--bent);fill:var(--bent)}.blind{background:var(--blind);"
    "fill:var(--blind)}.no{background:var(--no);fill:var(--no)}.held{background:var(--held);"
    "fill:var(--held)}\n"
    ".off{background:repeating-linear-gradient(45deg,var(--line) 0 2px,var(--panel) 2px 6px)}\n"
    "svg text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}svg .l{fill:var(--dim)}"
    ".flow path{opacity:var(--band)}.flow path:hover{opacity:.6}.time .up{fill:none;"
    "stroke:var(--ink);stroke-width:1.5}.time .line{stroke:var(--line)}\n"
    ".key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:6px 0 12px;color:var(--dim)}"
    ".key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:5px;"
    "vertical-align:-1px}.key .up{background:none;border:2px solid var(--ink)}"
    ".scroll{overflow-x:auto;margin:12px 0}\n"
    "table{border-collapse:collapse;font-size:13px}th{font-weight:500;text-align:left}"
    "th,td{padding:3px 14px 3px 0;border-bottom:1px solid var(--line);vertical-align:top;"
    "overflow-wrap:normal}tr{break-inside:avoid}.n{text-align:right;font-variant-numeric:"
    "tabular-nums;white-space:nowrap}td svg{vertical-align:middle}\n"
    ".tag{padding:0 6px;border-radius:3px;color:var(--on)}\n"
    "details{border:1px solid var(--line);border-radius:6px;margin:8px 0;padding:6px 12px}"
    "summary{cursor:pointer}summary b{margin-right:8px}.matrix td,.matrix th{padding:0;border:1px "
    "solid var(--paper)}.matrix td{min-width:18px;height:18px}.matrix th{padding:0 8px 0 0;"
    "font-weight:400;white-space:nowrap}.matrix thead th{writing-mode:vertical-rl;padding:6px 0;"
    "transform:rotate(180deg)}\n"
    "@media(max-width:600px){body{padding:14px 12px 40px}.row>.n{width:100px;font-size:11px}"
    "h2{margin-top:24px}th,td{padding-right:10px}.flow{display:none}.rows,.rows "
    "tbody{display:block}"
    ".rows thead{display:none}.rows tr{display:flex;flex-wrap:wrap;gap:2px 12px;padding:6px 0;"
    "border-bottom:1px solid var(--line)}.rows td{border:0;padding:0;text-align:left}"
    ".rows td[data-is]::before{content:attr(data-is) ' ';color:var(--dim)}}\n"
    "@media print{body{padding:0;max-width:none}.scroll{overflow:visible}svg{max-width:100%;"
    "height:auto}details::details-content{content-visibility:visible;display:block;height:auto}"
    ".hosts{gap:6px}h2{break-after:avoid}.matrix{font-size:9px;line-height:1}.matrix td{min-width:"
    "8px;height:10px}.matrix th{padding-right:4px}}";

/* Length of the character if it may be shown; XML has no U+FFFE and U+FFFF. */
static size_t shown(const char *text)
{
    uint32_t n;
    size_t len = exclaim_utf8(text, &n);

    return len && !exclaim_is_control(n) && n != 0xfffe && n != 0xffff ? len : 0;
}

void html_text(struct html_page *page, const char *text)
{
    const char *s = text;

    while (*s) {
        size_t len = shown(s);

        if (!len) {
            fputs("&#xfffd;", page->f);
            s++;
            continue;
        }
        if (len == 1 && strchr("&<>\"'", *s)) {
            fprintf(page->f, "&#%d;", *s);
        } else {
            fwrite(s, 1, len, page->f);
        }
        s += len;
    }
}

void html_textf(struct html_page *page, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    html_text(page, text);
}

void html_short(struct html_page *page, const char *name, size_t columns)
{
    char text[1024];

    short_name(name, columns, true, text, sizeof(text));
    html_text(page, text);
}

const char *html_host(const struct exclaim_pool *pool, uint32_t host)
{
    if (host >= pool->nr_hosts) {
        return "nowhere";
    }
    return *pool->host[host].name ? pool->host[host].name : pool->host[host].uuid;
}

const char *html_vm(const struct exclaim_pool *pool, uint32_t vm)
{
    return *pool->vm[vm].name ? pool->vm[vm].name : pool->vm[vm].uuid;
}

void html_size(struct html_page *page, uint64_t pages)
{
    fputs(exclaim_size(pages).text, page->f);
}

const char *html_move_class(const struct exclaim_plan_move *move)
{
    return !move->shape_known ? "blind" : move->kept ? "kept" : "bent";
}

void html_verdict(struct html_page *page, bool good, const char *text)
{
    fprintf(page->f, "<div class=\"verdict%s\">", good ? " good" : "");
    html_text(page, text);
    fputs("</div>\n", page->f);
}

void html_facts(struct html_page *page, const struct facts *facts)
{
    for (uint32_t i = 0; i < facts->nr; i++) {
        fputs("<p class=\"note\">", page->f);
        html_text(page, facts->text[i]);
        fputs("</p>\n", page->f);
    }
}

int html_open(struct html_page *page, const char *path, const struct exclaim_pool *pool,
              const char *title, int64_t time_unix_ms, struct exclaim_error *err)
{
    time_t seconds = (time_t)(time_unix_ms / 1000);
    char when[64] = "";
    struct tm tm;

    *page = (struct html_page){ .pool = pool };
    if (replacement_open(&page->file, path, err)) {
        return -1;
    }
    page->f = page->file.f;
    if (gmtime_r(&seconds, &tm)) {
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n<title>",
          page->f);
    html_text(page, title);
    fprintf(page->f, "</title>\n<style>%s</style></head>\n<body><h1>", style);
    html_text(page, title);
    fprintf(page->f,
            "</h1>\n<p class=\"dim\">%" PRIu32 " host%s and %" PRIu32
            " running VM%s, read %s.</p>\n",
            pool->nr_hosts, exclaim_s(pool->nr_hosts), pool->nr_vms, exclaim_s(pool->nr_vms), when);
    return 0;
}

int html_close(struct html_page *page, int rc, struct exclaim_error *err)
{
    if (!rc) {
        fputs("</body></html>\n", page->f);
    }
    return replacement_close(&page->file, rc, err);
}
