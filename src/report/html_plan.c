/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan as a page: the verdict, hosts and nodes, moves in their order, VMs that stay. */
#include "html_page.h"

#include <inttypes.h>
#include <string.h>

#include "../base/text.h"

#define LINE 512

static void node_name(struct html_page *page, uint32_t node)
{
    if (node == EXCLAIM_NO_NODE) {
        fputs("?", page->f);
    } else {
        fprintf(page->f, "%" PRIu32, node);
    }
}

/* The VM's pages as one small bar, a piece per part. */
static void parts(struct html_page *page, const struct exclaim_plan_move *move)
{
    double x = 0, scale = 120.0 / (double)(move->pages ? move->pages : 1);

    fputs("<svg width=\"122\" height=\"12\">", page->f);
    for (uint32_t i = 0; i < move->nr_parts; i++) {
        double width = (double)move->part[i].pages * scale;

        fprintf(page->f, "<rect class=\"%s\" x=\"%.1f\" y=\"1\" width=\"%.1f\" height=\"10\"/>",
                html_move_class(move), x, width > 1.5 ? width - 1 : width);
        x += width;
    }
    fputs("</svg> ", page->f);
    for (uint32_t i = 0; i < move->nr_parts; i++) {
        fputs(i ? ", " : "", page->f);
        node_name(page, move->part[i].src_node);
        fputs("&#8594;", page->f);
        node_name(page, move->part[i].dst_node);
        fputs(": ", page->f);
        html_size(page, move->part[i].pages);
    }
}

void html_moves(struct html_page *page, const struct exclaim_plan *plan,
                const struct exclaim_plan_step *step)
{
    const struct exclaim_plan_move *move;
    uint32_t nr = step->nr_moves;

    if (!nr) {
        return;
    }
    move = &plan->move[step->first_move];
    fputs("<div class=\"scroll\"><table class=\"rows\"><thead><tr><th "
          "class=\"n\">wave</th><th>VM</th>"
          "<th>from</th><th>to</th><th class=\"n\">size</th><th>by node</th><th>shape</th>"
          "<th>guarantee</th></tr></thead><tbody>\n",
          page->f);
    for (uint32_t m = 0; m < nr; m++) {
        fprintf(page->f, "<tr><td class=\"n\" data-is=\"wave\">%" PRIu32 "</td><td><b>",
                move[m].wave + 1);
        html_text(page, html_vm(page->pool, move[m].vm));
        fputs("</b></td><td data-is=\"from\">", page->f);
        html_text(page, html_host(page->pool, move[m].from));
        fputs("</td><td data-is=\"to\">", page->f);
        html_text(page, html_host(page->pool, move[m].to));
        fputs(move[m].temporary ? " for now" : "", page->f);
        fputs("</td><td class=\"n\">", page->f);
        html_size(page, move[m].pages);
        fputs("</td><td>", page->f);
        parts(page, &move[m]);
        fprintf(page->f, "</td><td><span class=\"tag %s\">", html_move_class(&move[m]));
        html_text(page, move[m].shape_known ? exclaim_match_shape_name(move[m].shape) : "unknown");
        fputs("</span></td><td data-is=\"guarantee\">", page->f);
        html_text(page, exclaim_guarantee_name(move[m].guarantee));
        fputs("</td></tr>\n", page->f);
    }
    fputs("</tbody></table></div>\n", page->f);
}

void html_stays(struct html_page *page, const struct exclaim_plan *plan,
                const struct exclaim_plan_step *step)
{
    const struct exclaim_misfit *stay;
    uint32_t nr = step->nr_stays;
    char text[LINE];

    if (!nr) {
        return;
    }
    stay = &plan->stay[step->first_stay];
    fputs("<div class=\"scroll\"><table class=\"rows\"><thead><tr><th>stays</th><th>best host</th>"
          "<th class=\"n\">short by</th><th>why</th></tr></thead><tbody>\n",
          page->f);
    for (uint32_t i = 0; i < nr; i++) {
        fputs("<tr><td data-is=\"stays\"><b>", page->f);
        html_text(page, html_vm(page->pool, stay[i].vm));
        fputs("</b></td><td data-is=\"best host\">", page->f);
        html_text(page, stay[i].host < page->pool->nr_hosts ? html_host(page->pool, stay[i].host)
                                                            : "none");
        fputs("</td><td class=\"n\" data-is=\"short by\">", page->f);
        if (stay[i].short_by) {
            html_size(page, stay[i].short_by);
        } else {
            fputs("&#8211;", page->f); /* not a matter of memory */
        }
        fputs("</td><td>", page->f);
        exclaim_misfit_text(page->pool, &stay[i], text, sizeof(text));
        html_text(page, text);
        fputs("</td></tr>\n", page->f);
    }
    fputs("</tbody></table></div>\n", page->f);
}

void html_apart(struct html_page *page, const struct exclaim_plan *plan, uint32_t number)
{
    struct exclaim_apart_pair pair[HTML_PAIRS];
    const uint32_t nr = exclaim_plan_apart(page->pool, plan, number, pair, HTML_PAIRS);

    for (uint32_t i = 0; i < nr && i < HTML_PAIRS; i++) {
        fputs("<p class=\"note\">", page->f);
        html_textf(page,
                   pair[i].before ? "VMs %s and %s should be apart and share host %s as before"
                                  : "VMs %s and %s should be apart and come to share host %s",
                   html_vm(page->pool, pair[i].vm), html_vm(page->pool, pair[i].other),
                   html_host(page->pool, pair[i].host));
        fputs("</p>\n", page->f);
    }
    if (nr > HTML_PAIRS) {
        fprintf(page->f, "<p class=\"note\">and %" PRIu32 " more such pairs</p>\n",
                nr - HTML_PAIRS);
    }
}

static bool step_good(const struct exclaim_plan_step *step)
{
    return !step->nr_stays &&
           (step->kind == EXCLAIM_STEP_BACK || exclaim_plan_complete(&step->proof));
}

static void step_body(struct html_page *page, const struct exclaim_plan *plan,
                      const struct exclaim_plan_step *step)
{
    html_apart(page, plan, (uint32_t)(step - plan->step));
    html_flow(page, plan, step);
    html_moves(page, plan, step);
    html_stays(page, plan, step);
}

static void draw_step(struct html_page *page, const struct exclaim_plan *plan, uint32_t s)
{
    const struct exclaim_plan_step *step = &plan->step[s];
    char text[LINE];

    fprintf(page->f, "<details%s><summary><b>Step %" PRIu32 "</b>",
            step_good(step) ? "" : " open=\"\"", s + 1);
    if (step->kind == EXCLAIM_STEP_EVACUATE) {
        html_textf(page, "%s is emptied%s: ", html_host(page->pool, step->host),
                   step->nr_stays ? " as far as it can be" : " and upgraded");
    } else if (step->host == EXCLAIM_NO_HOST) {
        html_text(page, "VMs go back: ");
    } else {
        html_textf(page, "VMs go back to %s: ", html_host(page->pool, step->host));
    }
    exclaim_plan_proof_text(page->pool, &step->proof, text, sizeof(text));
    html_text(page, text);
    fprintf(page->f, " <span class=\"dim\">(%" PRIu32 " move%s)</span></summary>\n", step->nr_moves,
            exclaim_s(step->nr_moves));
    step_body(page, plan, step);
    fputs("</details>\n", page->f);
}

static void one_step(struct html_page *page, const struct exclaim_plan *plan)
{
    const struct exclaim_plan_step *step = &plan->step[0];
    char text[LINE];

    exclaim_plan_proof_text(page->pool, &step->proof, text, sizeof(text));
    html_verdict(page, step_good(step), text);
}

static void all_steps(struct html_page *page, const struct exclaim_plan *plan)
{
    char text[LINE];

    answer_of_rolling(page->pool, plan, text, sizeof(text));
    html_verdict(page, !plan->blocked && !plan->nr_strays, text);
    html_summary(page, plan);
}

static int draw_plan(struct html_page *page, const struct exclaim_plan *plan,
                     const struct facts *facts, struct exclaim_error *err)
{
    html_facts(page, facts);
    if ((page->rolling && html_timeline(page, plan, err)) || html_hosts(page, plan, err)) {
        return -1;
    }
    if (page->rolling || plan->nr_moves || plan->nr_stays || plan->step[0].proof.apart.reached) {
        fputs("<h2>Moves</h2>\n", page->f);
    }
    if (!page->rolling) {
        step_body(page, plan, &plan->step[0]);
    }
    for (uint32_t s = 0; page->rolling && s < plan->nr_steps; s++) {
        draw_step(page, plan, s);
    }
    return 0;
}

static void make_title(const struct exclaim_pool *pool, const struct exclaim_plan *plan,
                       bool rolling, char *title, size_t size)
{
    uint32_t from = plan->nr_moves   ? plan->move[0].from
                    : plan->nr_stays ? pool->vm[plan->stay[0].vm].host
                                     : EXCLAIM_NO_HOST;
    bool one = from != EXCLAIM_NO_HOST;

    if (rolling) {
        snprintf(title, size, "%s", "Rolling upgrade");
        return;
    }
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        one &= plan->move[m].from == from;
    }
    for (uint32_t i = 0; i < plan->nr_stays; i++) {
        one &= pool->vm[plan->stay[i].vm].host == from;
    }
    if (one) {
        snprintf(title, size, "Evacuation of %s", html_host(pool, from));
    } else {
        snprintf(title, size, "%s", "Evacuation");
    }
}

int exclaim_html_plan(const char *path, const struct exclaim_pool *pool,
                      const struct exclaim_plan *plan, bool rolling, int64_t time_unix_ms,
                      const struct facts *facts, struct exclaim_error *err)
{
    struct html_page page;
    char title[256];
    int rc;

    make_title(pool, plan, rolling, title, sizeof(title));
    if (html_open(&page, path, pool, title, time_unix_ms, err)) {
        return -1;
    }
    page.rolling = rolling;
    if (!rolling) {
        one_step(&page, plan);
    } else {
        all_steps(&page, plan);
    }
    rc = draw_plan(&page, plan, facts, err);
    return html_close(&page, rc, err);
}
