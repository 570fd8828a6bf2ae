/* SPDX-License-Identifier: BSD-2-Clause */
/* A rolling plan at a glance: numbers, and a line of time for each host. */
#include "html_page.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../base/text.h"

#define LABEL_W       130
#define LABEL_COLUMNS 18
#define STEPS_W       1070 /* of all steps, as far as one is no narrower and no wider than this */
#define STEP_MIN      5
#define STEP_MAX      24
#define ROW_H         17
#define HEAD_H        18
#define EVERY         10 /* a number over so many steps */

/* What a host gives and takes in one step. */
struct traffic {
    uint32_t out, in, bent;
};

static void number(struct html_page *page, const char *what, const char *value)
{
    fputs("<div><b>", page->f);
    html_text(page, value);
    fputs("</b>", page->f);
    html_text(page, what);
    fputs("</div>", page->f);
}

static void count(struct html_page *page, const char *one, const char *more, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    number(page, value == 1 ? one : more, text);
}

void html_summary(struct html_page *page, const struct exclaim_plan *plan)
{
    uint64_t pages = 0, emptied = 0, back = 0, temporary = 0, bent = 0;

    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        pages += plan->move[m].pages;
        back += plan->move[m].back;
        temporary += plan->move[m].temporary;
        bent += plan->move[m].shape_known && !plan->move[m].kept;
    }
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        emptied += plan->step[s].kind == EXCLAIM_STEP_EVACUATE;
    }
    fputs("<div class=\"sum\">", page->f);
    count(page, "host is upgraded", "hosts are upgraded", emptied - plan->blocked);
    count(page, "move", "moves", plan->nr_moves);
    count(page, "of them back", "of them back", back);
    count(page, "only to make room", "only to make room", temporary);
    count(page, "wave", "waves", plan->nr_waves);
    number(page, "are moved in all", exclaim_size(pages).text);
    count(page, "move merges or splits a VM", "moves merge or split a VM", bent);
    count(page, "VM ends on another host", "VMs end on another host", plan->nr_strays);
    if (plan->nr_stays) {
        count(page, "VM cannot leave", "VMs cannot leave", plan->nr_stays);
    }
    fputs("</div>\n", page->f);
}

static int step_width(const struct exclaim_plan *plan)
{
    const int width = STEPS_W / (int)(plan->nr_steps ? plan->nr_steps : 1);

    return width < STEP_MIN ? STEP_MIN : width > STEP_MAX ? STEP_MAX : width;
}

static void cell(struct html_page *page, const struct traffic *t, uint32_t host, uint32_t step,
                 int wide, bool upgraded)
{
    const int x = LABEL_W + (int)step * wide;

    fprintf(page->f, "<g><title>");
    html_textf(page, "step %" PRIu32 ", %s: ", step + 1, html_host(page->pool, host));
    fprintf(page->f, "%" PRIu32 " VM%s, %" PRIu32 " arrive%s%s</title>", t->out,
            t->out == 1 ? " leaves" : "s leave", t->in, t->in == 1 ? "s" : "",
            upgraded ? "; then it is upgraded" : "");
    if (t->out) {
        fprintf(page->f, "<rect class=\"move\" x=\"%d\" y=\"1\" width=\"%d\" height=\"7\"/>", x,
                wide - 1);
    }
    if (t->in) {
        fprintf(page->f, "<rect class=\"%s\" x=\"%d\" y=\"8\" width=\"%d\" height=\"7\"/>",
                t->bent ? "bent" : "kept", x, wide - 1);
    }
    if (upgraded) {
        fprintf(page->f, "<rect class=\"up\" x=\"%d\" y=\"0.5\" width=\"%d\" height=\"15\"/>", x,
                wide - 1);
    }
    fputs("</g>", page->f);
}

static void line_of(struct html_page *page, const struct exclaim_plan *plan,
                    const struct traffic *traffic, uint32_t host)
{
    const int wide = step_width(plan), width = (int)plan->nr_steps * wide;

    fprintf(page->f, "<g transform=\"translate(0,%d)\"><text x=\"0\" y=\"12\">",
            HEAD_H + (int)host * ROW_H);
    html_short(page, html_host(page->pool, host), LABEL_COLUMNS);
    fprintf(page->f, "</text><line class=\"line\" x1=\"%d\" x2=\"%d\" y1=\"15.5\" y2=\"15.5\"/>",
            LABEL_W, LABEL_W + width);
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        const struct traffic *t = &traffic[(size_t)s * page->pool->nr_hosts + host];
        const bool upgraded = plan->step[s].kind == EXCLAIM_STEP_EVACUATE &&
                              plan->step[s].host == host &&
                              !(plan->blocked && s + 1 == plan->nr_steps);

        if (t->out || t->in || upgraded) {
            cell(page, t, host, s, wide, upgraded);
        }
    }
    fputs("</g>\n", page->f);
}

int html_timeline(struct html_page *page, const struct exclaim_plan *plan,
                  struct exclaim_error *err)
{
    const uint32_t hosts = page->pool->nr_hosts;
    struct traffic *traffic = calloc((size_t)plan->nr_steps * hosts + 1, sizeof(*traffic));

    if (!traffic) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "no memory for %" PRIu32 " steps",
                            plan->nr_steps);
    }
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];

        for (uint32_t m = step->first_move; m < step->first_move + step->nr_moves; m++) {
            const struct exclaim_plan_move *move = &plan->move[m];

            traffic[(size_t)s * hosts + move->from].out++;
            traffic[(size_t)s * hosts + move->to].in++;
            traffic[(size_t)s * hosts + move->to].bent += move->shape_known && !move->kept;
        }
    }
    fputs(
        "<h2>Hosts over time</h2>\n<div class=\"key\"><span><i class=\"move\"></i>VMs leave</span>"
        "<span><i class=\"kept\"></i>VMs arrive, all with their shape</span>"
        "<span><i class=\"bent\"></i>some merged or split</span>"
        "<span><i class=\"up\"></i>upgraded after this step</span>"
        "<span>a column for each step</span></div>\n",
        page->f);
    fprintf(page->f, "<div class=\"scroll\"><svg class=\"time\" width=\"%d\" height=\"%d\">\n",
            LABEL_W + (int)plan->nr_steps * step_width(plan) + 20, HEAD_H + (int)hosts * ROW_H + 4);
    for (uint32_t s = 0; s < plan->nr_steps; s += s ? EVERY : EVERY - 1) {
        fprintf(page->f, "<text class=\"l\" x=\"%d\" y=\"11\">%" PRIu32 "</text>",
                LABEL_W + (int)s * step_width(plan), s + 1);
    }
    fputs("\n", page->f);
    for (uint32_t h = 0; h < hosts; h++) {
        line_of(page, plan, traffic, h);
    }
    fputs("</svg></div>\n", page->f);
    free(traffic);
    return 0;
}
