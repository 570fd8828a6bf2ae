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

static const char style[] =
    ":root{--ink:#1d2733;--dim:#5d6b7a;--paper:#fff;--panel:#f5f7f9;--line:#d9dfe5;--stay:#9fb3c8;"
    "--stay2:#8aa1b9;--leave:#e8963c;--kept:#3d9970;--bent:#d1495b;--blind:#8e7cc3;--held:#c3ccd5;"
    "--peak:#1d2733}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e9ee;--dim:#98a5b3;--paper:#14191f;"
    "--panel:#1d242c;--line:#343e49;--stay:#4e6379;--stay2:#5b728a;--held:#2c353f;--peak:#fff}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1500px;padding:24px 32px 64px;"
    "font:14px/1.45 system-ui,'DejaVu Sans',sans-serif;color:var(--ink);background:var(--paper)}\n"
    "h1{font-size:22px;margin:0 0 4px}h2{font-size:16px;margin:32px 0 10px}p{margin:6px 0}\n"
    ".dim,th,figcaption{color:var(--dim)}.note{border-left:3px solid "
    "var(--leave);padding-left:10px}"
    "\n.verdict{margin:14px 0;padding:12px 16px;border-radius:6px;background:var(--panel);"
    "border-left:6px solid var(--bent);font-size:16px}.verdict.good{border-color:var(--kept)}\n"
    ".hosts{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(300px,1fr))}"
    ".hosts.few{grid-template-columns:repeat(auto-fit,minmax(560px,1fr))}\n"
    ".host{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:8px 10px}"
    ".host h3{font-size:13px;margin:0 0 2px;display:flex;justify-content:space-between;gap:8px;"
    "overflow-wrap:anywhere}.host h3 span{font-weight:400;color:var(--dim);white-space:nowrap}"
    ".host.source{border-color:var(--leave)}.host svg{width:100%;height:auto;display:block}\n"
    "svg text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}svg "
    ".l{fill:var(--dim)}svg .in{font-size:10px;fill:#10161d;pointer-events:none}"
    ".bar{fill:none;stroke:var(--line)}.stay{fill:var(--stay)}.stay2{fill:var(--stay2)}"
    ".leave{fill:var(--leave)}.kept{fill:var(--kept)}.bent{fill:var(--bent)}.blind{fill:var(--"
    "blind)}"
    ".held{fill:var(--held)}.peak{stroke:var(--peak);stroke-width:1.5;stroke-dasharray:3 2}"
    ".flow path{opacity:.72}.flow path:hover{opacity:1}\n"
    ".key{display:flex;flex-wrap:wrap;gap:4px 18px;margin:6px 0 12px;color:var(--dim)}"
    ".key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:5px;"
    "vertical-align:-1px}.scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:13px}th{font-weight:500;text-align:left}"
    "th,td{padding:3px 14px 3px 0;border-bottom:1px solid var(--line);vertical-align:top}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}td svg{vertical-align:middle}\n"
    ".tag{padding:0 6px;border-radius:3px;color:#fff}.tag.kept{background:var(--kept)}"
    ".tag.bent{background:var(--bent)}.tag.blind{background:var(--blind)}"
    ".tag.leave{background:var(--leave)}\n"
    "details{border:1px solid var(--line);border-radius:6px;margin:8px 0;padding:6px 12px}"
    "summary{cursor:pointer}summary b{margin-right:8px}.matrix td,.matrix th{padding:0;border:1px "
    "solid"
    " var(--paper)}.matrix td{min-width:18px;height:18px}.matrix th{padding:0 8px 0 0;"
    "font-weight:400;white-space:nowrap}.matrix thead th{writing-mode:vertical-rl;padding:6px 0;"
    "transform:rotate(180deg)}.matrix .kept{background:var(--kept)}.matrix .bent{background:"
    "var(--leave)}.matrix .blind{background:var(--blind)}.matrix .no{background:var(--bent)}"
    ".matrix .off{background:var(--held)}\n"
    "@media print{details:not([open])>*{display:block}.hosts{gap:6px}}";

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
    if (pages < 256ull * 1024) {
        fprintf(page->f, "%.1f MiB", (double)pages / 256);
    } else {
        fprintf(page->f, "%.1f GiB", (double)pages / 256 / 1024);
    }
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

void html_gaps(struct html_page *page)
{
    const struct exclaim_pool *pool = page->pool;
    uint32_t inexact = 0;

    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        if (*pool->host[h].why) {
            fputs("<p class=\"note\">", page->f);
            html_textf(page, "%s: %s", html_host(pool, h), pool->host[h].why);
            fputs("</p>\n", page->f);
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        inexact += !pool->vm[v].exact;
    }
    if (inexact) {
        fprintf(page->f, "<p class=\"note\">%" PRIu32 " VMs are not counted exactly.</p>\n",
                inexact);
    }
}

int html_open(struct html_page *page, const char *path, const struct exclaim_pool *pool,
              const char *title, int64_t time_unix_ms, struct exclaim_error *err)
{
    time_t seconds = (time_t)(time_unix_ms / 1000);
    mode_t mask = umask(0);
    char when[64] = "";
    struct tm tm;
    int fd;

    umask(mask);
    *page = (struct html_page){ .path = path, .pool = pool };
    if (snprintf(page->temporary, sizeof(page->temporary), "%s.XXXXXX", path) >=
        (int)sizeof(page->temporary)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "--html: a name of %zu bytes is too long",
                            strlen(path));
    }
    fd = mkstemp(page->temporary);
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", page->temporary);
    }
    fchmod(fd, 0666 & ~mask);
    page->f = fdopen(fd, "w");
    if (!page->f) {
        close(fd);
        unlink(page->temporary);
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "create %s", path);
    }
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
            "</h1>\n<p class=\"dim\">%" PRIu32 " hosts and %" PRIu32
            " running VMs, read %s. Pages are 4 KiB.</p>\n",
            pool->nr_hosts, pool->nr_vms, when);
    return 0;
}

int html_close(struct html_page *page, int rc, struct exclaim_error *err)
{
    if (!rc) {
        fputs("</body></html>\n", page->f);
        if (fflush(page->f) || ferror(page->f) || fsync(fileno(page->f))) {
            rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "write %s", page->path);
        }
    }
    fclose(page->f);
    if (!rc && rename(page->temporary, page->path)) {
        rc = exclaim_fail(err, EXCLAIM_ERR_SYSTEM, errno, "rename to %s", page->path);
    }
    if (rc) {
        unlink(page->temporary);
    }
    return rc;
}
