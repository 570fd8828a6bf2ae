/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves as bands, from the nodes that are left to the nodes that are come to; as thick as they have
 * pages. */
#include "../base/text.h"
#include "html_page.h"

#include <inttypes.h>
#include <stdlib.h>

#define WIDTH       900
#define LEFT_X      190
#define RIGHT_X     (WIDTH - 190)
#define NODE_W      8
#define HEIGHT      380.0 /* of all pages together */
#define MOVE_HEIGHT 60.0  /* at most, for each move */
#define BAND_MIN    1.5
#define LABEL_MIN   10.0
#define END_GAP     14.0
#define ENDS        256 /* nodes on one side */

/* A node on one side: how thick all its bands are together, and where the next one goes. */
struct end {
    uint32_t host, node;
    double thick, y, next;
};

struct side {
    uint32_t nr;
    struct end end[ENDS];
};

struct flow {
    struct side side[2];
    double scale; /* per page */
};

static struct end *find(struct side *side, uint32_t host, uint32_t node)
{
    for (uint32_t i = 0; i < side->nr; i++) {
        if (side->end[i].host == host && side->end[i].node == node) {
            return &side->end[i];
        }
    }
    if (side->nr == ENDS) {
        return NULL;
    }
    side->end[side->nr] = (struct end){ .host = host, .node = node };
    return &side->end[side->nr++];
}

static double band(const struct flow *flow, uint64_t pages)
{
    double thick = (double)pages * flow->scale;

    return thick < BAND_MIN ? BAND_MIN : thick;
}

static int by_place(const void *a, const void *b)
{
    const struct end *x = a, *y = b;

    if (x->host != y->host) {
        return x->host < y->host ? -1 : 1;
    }
    return x->node < y->node ? -1 : x->node > y->node;
}

/* From the top down; returns how far. */
static double lay_out(struct side *side)
{
    double y = 4;

    qsort(side->end, side->nr, sizeof(side->end[0]), by_place);
    for (uint32_t i = 0; i < side->nr; i++) {
        side->end[i].y = side->end[i].next = y;
        y += (side->end[i].thick > LABEL_MIN ? side->end[i].thick : LABEL_MIN) + END_GAP;
    }
    return y;
}

/* Bands leave a node in the order in which they arrive, so that few cross. */
struct strip {
    const struct exclaim_plan_move *move;
    const struct exclaim_part *part;
};

static int by_destination(const void *a, const void *b)
{
    const struct strip *x = a, *y = b;

    if (x->move->to != y->move->to) {
        return x->move->to < y->move->to ? -1 : 1;
    }
    if (x->part->dst_node != y->part->dst_node) {
        return x->part->dst_node < y->part->dst_node ? -1 : 1;
    }
    return (x->part->pages < y->part->pages) - (x->part->pages > y->part->pages);
}

static void draw_side(struct html_page *page, const struct side *side, bool right)
{
    for (uint32_t i = 0; i < side->nr; i++) {
        const struct end *e = &side->end[i];

        fprintf(page->f, "<rect class=\"stay2\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                right ? RIGHT_X : LEFT_X - NODE_W, e->y, NODE_W, e->thick);
        fprintf(page->f, "<text x=\"%d\" y=\"%.1f\"%s>", right ? RIGHT_X + NODE_W + 6 : LEFT_X - 14,
                e->y + (e->thick > LABEL_MIN ? e->thick / 2 : LABEL_MIN / 2) + 4,
                right ? "" : " text-anchor=\"end\"");
        html_short(page, html_host(page->pool, e->host), 20);
        if (e->node == EXCLAIM_NO_NODE) {
            fputs(", some node</text>\n", page->f);
        } else {
            fprintf(page->f, ", node %" PRIu32 "</text>\n", e->node);
        }
    }
}

static void draw_band(struct html_page *page, struct flow *flow,
                      const struct exclaim_plan_move *move, const struct exclaim_part *part)
{
    struct end *a = find(&flow->side[0], move->from, part->src_node);
    struct end *b = find(&flow->side[1], move->to, part->dst_node);
    double thick = band(flow, part->pages), middle = (LEFT_X + RIGHT_X) / 2.0;

    if (!a || !b) {
        return;
    }
    fprintf(
        page->f,
        "<path class=\"%s\" d=\"M%d %.1fC%.0f %.1f %.0f %.1f %d %.1fv%.1fC%.0f %.1f %.0f %.1f %d "
        "%.1fz\"><title>",
        html_move_class(move), LEFT_X, a->next, middle, a->next, middle, b->next, RIGHT_X, b->next,
        thick, middle, b->next + thick, middle, a->next + thick, LEFT_X, a->next + thick);
    html_textf(page, "%s: %s", html_vm(page->pool, move->vm), exclaim_size(part->pages).text);
    fputs("</title></path>", page->f);
    if (thick >= LABEL_MIN) {
        fprintf(page->f, "<text x=\"%d\" y=\"%.1f\">", LEFT_X + 8, a->next + thick / 2 + 4);
        html_short(page, html_vm(page->pool, move->vm), 28);
        fputs("</text>", page->f);
    }
    fputs("\n", page->f);
    a->next += thick;
    b->next += thick;
}

void html_flow(struct html_page *page, const struct exclaim_plan *plan,
               const struct exclaim_plan_step *step)
{
    const struct exclaim_plan_move *move = step->nr_moves ? &plan->move[step->first_move] : NULL;
    uint32_t nr = step->nr_moves;
    struct flow *flow = calloc(1, sizeof(*flow));
    struct strip *strip = NULL;
    uint32_t nr_strips = 0;
    uint64_t total = 0;
    double left, right;

    for (uint32_t m = 0; m < nr; m++) {
        total += move[m].pages;
        nr_strips += move[m].nr_parts;
    }
    if (nr && nr <= HTML_FLOW_MOVES && total) {
        strip = calloc(nr_strips + 1, sizeof(*strip));
    }
    if (!flow || !strip) {
        free(strip);
        free(flow);
        return; /* the table says the same */
    }
    nr_strips = 0;
    flow->scale = (nr * MOVE_HEIGHT < HEIGHT ? nr * MOVE_HEIGHT : HEIGHT) / (double)total;
    for (uint32_t m = 0; m < nr; m++) {
        for (uint32_t i = 0; i < move[m].nr_parts; i++) {
            const struct exclaim_part *part = &move[m].part[i];
            struct end *a = find(&flow->side[0], move[m].from, part->src_node);
            struct end *b = find(&flow->side[1], move[m].to, part->dst_node);

            strip[nr_strips++] = (struct strip){ &move[m], part };
            if (a && b) {
                a->thick += band(flow, part->pages);
                b->thick += band(flow, part->pages);
            }
        }
    }
    left = lay_out(&flow->side[0]);
    right = lay_out(&flow->side[1]);
    fprintf(page->f,
            "<div class=\"scroll\"><svg class=\"flow\" width=\"%d\" viewBox=\"0 0 %d %.0f\">\n",
            WIDTH, WIDTH, left > right ? left : right);
    qsort(strip, nr_strips, sizeof(*strip), by_destination);
    for (uint32_t i = 0; i < nr_strips; i++) {
        draw_band(page, flow, strip[i].move, strip[i].part);
    }
    draw_side(page, &flow->side[0], false);
    draw_side(page, &flow->side[1], true);
    fputs("</svg></div>\n", page->f);
    free(strip);
    free(flow);
}
