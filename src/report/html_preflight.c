/* SPDX-License-Identifier: BSD-2-Clause */
/* A preflight as a page: VMs against hosts, what would help, and where all go together. */
#include "html_page.h"

#include <inttypes.h>

#define LINE 512

/* In so many cells each says why not when pointed at. */
#define CELLS_TOLD 20000

static const char *cell_class(const struct exclaim_preflight_cell *cell)
{
    if (cell->whole) {
        return cell->shape_known ? "kept" : "blind";
    }
    if (cell->fits) {
        return cell->shape_known ? "bent" : "blind";
    }
    switch (cell->misfit.why) {
    case EXCLAIM_MISFIT_SELF:
    case EXCLAIM_MISFIT_DISABLED:
    case EXCLAIM_MISFIT_DEAD:
    case EXCLAIM_MISFIT_AGILITY:
    case EXCLAIM_MISFIT_OLDER:
        return "off";
    default:
        return "no";
    }
}

static void cell_title(struct html_page *page, const struct exclaim_preflight_cell *cell)
{
    char text[LINE];

    fputs(" title=\"", page->f);
    if (cell->whole) {
        html_textf(page, "%s on %s: %s, guarantee %s", html_vm(page->pool, cell->vm),
                   html_host(page->pool, cell->host),
                   cell->shape_known ? exclaim_match_shape_name(cell->shape)
                                     : "fits, shape unknown",
                   exclaim_guarantee_name(cell->guarantee));
    } else {
        exclaim_misfit_text(page->pool, &cell->misfit, text, sizeof(text));
        html_text(page, text);
    }
    fputs("\"", page->f);
}

static void matrix(struct html_page *page, const struct exclaim_preflight *p)
{
    bool told = (uint64_t)p->nr_vms * p->nr_hosts <= CELLS_TOLD;

    if (!p->nr_vms) {
        return;
    }
    fputs("<h2>Each VM alone</h2>\n<div class=\"key\">"
          "<span><i class=\"kept\"></i>fits, keeps its shape</span>"
          "<span><i class=\"bent\"></i>fits merged or split</span>"
          "<span><i class=\"blind\"></i>fits by its total, nodes not known</span>"
          "<span><i class=\"no\"></i>does not fit</span>"
          "<span><i class=\"off\"></i>not for memory: may not go there</span>"
          "</div>\n<div class=\"scroll\"><table class=\"matrix\"><thead><tr><td></td>",
          page->f);
    for (uint32_t h = 0; h < p->nr_hosts; h++) {
        fputs("<th>", page->f);
        html_text(page, html_host(page->pool, p->cell[h].host));
        fputs("</th>", page->f);
    }
    fputs("</tr></thead><tbody>\n", page->f);
    for (uint32_t v = 0; v < p->nr_vms; v++) {
        fputs("<tr><th>", page->f);
        html_text(page, html_vm(page->pool, p->cell[(size_t)v * p->nr_hosts].vm));
        fputs("</th>", page->f);
        for (uint32_t h = 0; h < p->nr_hosts; h++) {
            const struct exclaim_preflight_cell *cell = &p->cell[(size_t)v * p->nr_hosts + h];

            fprintf(page->f, "<td class=\"%s\"", cell_class(cell));
            if (told) {
                cell_title(page, cell);
            }
            fputs("></td>", page->f);
        }
        fputs("</tr>\n", page->f);
    }
    fputs("</tbody></table></div>\n", page->f);
}

static void changes(struct html_page *page, const struct exclaim_preflight *p)
{
    char text[LINE];

    if (!p->nr_changes) {
        return;
    }
    fputs("<h2>What would help</h2>\n<ul>\n", page->f);
    for (uint32_t i = 0; i < p->nr_changes; i++) {
        exclaim_change_text(page->pool, &p->change[i], text, sizeof(text));
        fputs("<li>", page->f);
        html_text(page, text);
        fputs("</li>\n", page->f);
    }
    fputs("</ul>\n", page->f);
}

int exclaim_html_preflight(const char *path, const struct exclaim_pool *pool,
                           const struct exclaim_preflight *preflight, bool fits,
                           int64_t time_unix_ms, const struct facts *facts,
                           struct exclaim_error *err)
{
    const struct exclaim_plan *plan = preflight->together;
    const struct exclaim_plan_step *step = &plan->step[0];
    struct html_page page;
    char text[LINE + 32];
    int rc;

    if (html_open(&page, path, pool, "Preflight", time_unix_ms, err)) {
        return -1;
    }
    answer_of_preflight(pool, plan, fits, text, sizeof(text));
    html_verdict(&page, fits, text);
    html_facts(&page, facts);
    html_stays(&page, plan, step);
    changes(&page, preflight);
    matrix(&page, preflight);
    rc = html_hosts(&page, plan, err);
    if (!rc && (step->nr_moves || step->proof.apart.reached)) {
        fputs("<h2>All together</h2>\n", page.f);
        html_apart(&page, plan, 0);
        html_flow(&page, plan, step);
        html_moves(&page, plan, step);
    }
    return html_close(&page, rc, err);
}
