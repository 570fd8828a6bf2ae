/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts as bars: each node before and after, VM by VM, and the most that was taken between. */
#include "html_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BAR_X      44
#define BAR_HEIGHT 15
#define ROW        20

/* VMs narrower than this are drawn together, so that a host of 1000 is a picture and not a file of
 * megabytes. */
#define THIN      2.0
#define THIN_MANY 4.0
#define MANY      10000

/* About the width of a letter in a bar. */
#define LETTER 6.4

/* Few hosts have wide cards, and names in their bars; of many, those that change are shown first.
 */
#define FEW       4
#define WIDE      560.0
#define NARROW    270.0
#define UNCHANGED 8

struct hosts {
    struct html_page *page;
    double width; /* of the widest bar */
    const struct exclaim_plan *plan;
    struct exclaim_replay *replay; /* at the end of the plan; NULL: it could not be replayed */
    uint64_t (*least)[EXCLAIM_NODES_MAX]; /* the least room of a node at any moment */
    uint32_t *move;                       /* per VM its last move, or one of those below */
    uint8_t *role;                        /* per host */
    uint64_t widest;                      /* node, in pages */
    /* VMs by the host where they are before and after: where each list begins. */
    uint32_t *vms[2], *first[2];
};

/* A VM that does not move, and one that should and cannot. */
#define MOVE_NONE  UINT32_MAX
#define MOVE_STUCK (UINT32_MAX - 1)

enum { ROLE_NONE, ROLE_TARGET, ROLE_SOURCE };

static void look(struct hosts *h)
{
    struct exclaim_room room;

    for (uint32_t i = 0; i < h->page->pool->nr_hosts; i++) {
        if (h->role[i] == ROLE_NONE) {
            continue;
        }
        exclaim_replay_room(h->replay, i, &room);
        for (uint32_t n = 0; n < h->page->pool->host[i].nr_nodes; n++) {
            uint64_t left = exclaim_room_node(&room, n);

            h->least[i][n] = left < h->least[i][n] ? left : h->least[i][n];
        }
    }
}

static void drop_replay(struct hosts *h)
{
    exclaim_replay_close(h->replay);
    h->replay = NULL;
}

/* Wave by wave, step by step, to the end. */
static void replay(struct hosts *h)
{
    const struct exclaim_plan *plan = h->plan;

    h->replay = exclaim_replay_open(h->page->pool, plan);
    for (uint32_t s = 0; h->replay && s < plan->nr_steps; s++) {
        const struct exclaim_plan_step *step = &plan->step[s];
        uint32_t end = step->first_move + step->nr_moves, m = step->first_move;

        while (h->replay && m < end) {
            uint32_t last = m;
            bool bad = false;

            while (last < end && plan->move[last].wave == plan->move[m].wave) {
                bad |= exclaim_replay_start(h->replay, last++, NULL) != 0;
            }
            look(h);
            while (m < last) {
                bad |= exclaim_replay_end(h->replay, m++, NULL) != 0;
            }
            if (bad) {
                drop_replay(h);
            }
        }
        if (h->replay && step->kind == EXCLAIM_STEP_EVACUATE && h->page->rolling &&
            !(plan->blocked && s + 1 == plan->nr_steps) &&
            exclaim_replay_upgraded(h->replay, step->host, NULL)) {
            drop_replay(h);
        }
    }
}

static uint32_t host_of(const struct hosts *h, uint32_t vm, bool after)
{
    return after && h->replay ? exclaim_replay_vm(h->replay, vm, NULL) : h->page->pool->vm[vm].host;
}

/* Counting sort by host. */
static int group(struct hosts *h, bool after)
{
    const struct exclaim_pool *pool = h->page->pool;
    uint32_t *first = calloc(pool->nr_hosts + 2, sizeof(*first));
    uint32_t *vms = calloc((size_t)pool->nr_vms + 1, sizeof(*vms));

    h->first[after] = first;
    h->vms[after] = vms;
    if (!first || !vms) {
        return -1;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        uint32_t host = host_of(h, v, after);

        first[(host < pool->nr_hosts ? host : pool->nr_hosts) + 1]++;
    }
    for (uint32_t i = 0; i <= pool->nr_hosts; i++) {
        first[i + 1] += first[i];
    }
    for (uint32_t v = pool->nr_vms; v--;) {
        uint32_t host = host_of(h, v, after);

        vms[--first[(host < pool->nr_hosts ? host : pool->nr_hosts) + 1]] = v;
    }
    /* first[i + 1] is now where host i begins. */
    memmove(first, first + 1, (pool->nr_hosts + 1) * sizeof(*first));
    first[pool->nr_hosts + 1] = pool->nr_vms;
    return 0;
}

static uint64_t pages_on(const struct hosts *h, uint32_t vm, uint32_t node, bool after)
{
    const struct exclaim_pool_vm *v = &h->page->pool->vm[vm];
    uint64_t pages[EXCLAIM_NODES_MAX];

    if (after && h->replay && h->move[vm] < h->plan->nr_moves) {
        exclaim_replay_vm(h->replay, vm, pages);
        return pages[node];
    }
    return node < v->nr_nodes ? v->pages[node] : 0;
}

static uint64_t node_size(const struct hosts *h, uint32_t host, uint32_t node)
{
    uint64_t size = h->page->pool->host[host].free[node];

    for (uint32_t i = h->first[0][host]; i < h->first[0][host + 1]; i++) {
        size += pages_on(h, h->vms[0][i], node, false);
    }
    return size;
}

static const char *vm_class(const struct hosts *h, uint32_t vm, bool after, bool odd)
{
    uint32_t move = h->move[vm];

    if (move == MOVE_STUCK) {
        return "bent";
    }
    if (move == MOVE_NONE) {
        return odd ? "stay2" : "stay";
    }
    return after ? html_move_class(&h->plan->move[move]) : "leave";
}

static void rect(struct hosts *h, double x, double width, int y, const char *class)
{
    fprintf(h->page->f, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\">",
            class, x, y, width, BAR_HEIGHT);
}

/* VMs that stay and are thin become one block with their number. */
struct block {
    double x, width;
    uint64_t pages;
    uint32_t nr;
};

static void flush_block(struct hosts *h, struct block *b, int y)
{
    if (b->nr) {
        rect(h, b->x, b->width, y, "stay");
        fprintf(h->page->f, "<title>%" PRIu32 " VMs, %" PRIu64 " pages</title></rect>", b->nr,
                b->pages);
    }
    *b = (struct block){ 0 };
}

/* Its name where there is room for it. */
static void label(struct hosts *h, uint32_t vm, double x, double width, int y)
{
    const char *name = html_vm(h->page->pool, vm);

    if (h->page->pool->nr_hosts <= FEW && width > LETTER * (double)strlen(name) + 6) {
        fprintf(h->page->f, "<text class=\"in\" x=\"%.1f\" y=\"%d\">", x + 3, y + 12);
        html_text(h->page, name);
        fputs("</text>", h->page->f);
    }
}

/* The VMs of one node. */
static void draw_vms(struct hosts *h, uint32_t host, uint32_t node, bool after, double scale, int y)
{
    double thin = h->page->pool->nr_vms > MANY ? THIN_MANY : THIN, x = BAR_X;
    struct block block = { 0 };

    for (uint32_t i = h->first[after][host]; i < h->first[after][host + 1]; i++) {
        uint32_t vm = h->vms[after][i];
        uint64_t pages = pages_on(h, vm, node, after);
        double width = (double)pages * scale;

        if (!pages) {
            continue;
        }
        if (h->move[vm] == MOVE_NONE && width < thin) {
            if (!block.nr) {
                block.x = x;
            }
            block.width += width;
            block.pages += pages;
            block.nr++;
            x += width;
            if (block.width >= thin) {
                flush_block(h, &block, y);
            }
            continue;
        }
        flush_block(h, &block, y);
        rect(h, x, width > 0.6 ? width - 0.4 : width, y, vm_class(h, vm, after, i & 1));
        fputs("<title>", h->page->f);
        html_textf(h->page, "%s: %" PRIu64 " pages", html_vm(h->page->pool, vm), pages);
        fputs("</title></rect>", h->page->f);
        label(h, vm, x, width, y);
        x += width;
    }
    flush_block(h, &block, y);
}

static void draw_node(struct hosts *h, uint32_t host, uint32_t node, bool after, int y)
{
    const struct exclaim_pool_host *p = &h->page->pool->host[host];
    uint64_t size = node_size(h, host, node), held = p->claimed[node] + p->slack;
    double scale = h->width / (double)(h->widest ? h->widest : 1);
    double end = BAR_X + (double)size * scale;

    fprintf(h->page->f, "<text class=\"l\" x=\"0\" y=\"%d\">%s</text>", y + 12,
            after ? "after" : "node");
    if (!after) {
        fprintf(h->page->f, "<text class=\"l\" x=\"30\" y=\"%d\">%" PRIu32 "</text>", y + 12, node);
    }
    draw_vms(h, host, node, after, scale, y);
    if (p->claimed[node]) {
        double width = (double)held * scale;

        rect(h, end - width, width, y, "held");
        fprintf(h->page->f,
                "<title>%" PRIu64 " pages are claimed, %" PRIu64
                " are promised to nobody</title></rect>",
                p->claimed[node], p->slack);
    }
    fprintf(h->page->f, "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
            BAR_X, y, (double)size * scale, BAR_HEIGHT);
    if (after && h->role[host] == ROLE_TARGET && h->least[host][node] != UINT64_MAX) {
        double x = end - (double)(held + h->least[host][node]) * scale;

        fprintf(h->page->f,
                "<line class=\"peak\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"><title>%" PRIu64
                " pages of room are left at the fullest moment</title></line>",
                x, x, y - 2, y + BAR_HEIGHT + 2, h->least[host][node]);
    }
}

static void draw_host(struct hosts *h, uint32_t host)
{
    const struct exclaim_pool_host *p = &h->page->pool->host[host];
    bool changes = h->role[host] != ROLE_NONE && h->replay;
    uint32_t before = h->first[0][host + 1] - h->first[0][host];
    uint32_t after = h->first[1][host + 1] - h->first[1][host];
    int rows = 0, y = 2;

    fprintf(h->page->f, "<div class=\"host%s\"><h3>",
            h->role[host] == ROLE_SOURCE ? " source" : "");
    html_text(h->page, html_host(h->page->pool, host));
    fprintf(h->page->f, "<span>%s%" PRIu32 " VMs", p->enabled ? "" : "disabled, ", before);
    if (after != before) {
        fprintf(h->page->f, " &#8594; %" PRIu32, after);
    }
    fputs("</span></h3>", h->page->f);
    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        rows += p->online >> n & 1 ? 1 + changes : 0;
    }
    if (!rows) {
        fputs("<p class=\"dim\">nothing is known of its nodes; ", h->page->f);
        html_size(h->page, p->host_free);
        fputs(" free on the host</p></div>\n", h->page->f);
        return;
    }
    fprintf(h->page->f, "<svg viewBox=\"0 0 %d %d\">", BAR_X + (int)h->width + 2, rows * ROW + 2);
    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        for (int after_too = 0; (p->online >> n & 1) && after_too <= changes; after_too++) {
            draw_node(h, host, n, after_too, y);
            y += ROW;
        }
    }
    fputs("</svg></div>\n", h->page->f);
}

static void draw_key(struct html_page *page, const struct exclaim_plan *plan)
{
    fputs("<div class=\"key\"><span><i class=\"stay\" "
          "style=\"background:var(--stay)\"></i>stays</span>"
          "<span><i style=\"background:var(--leave)\"></i>will move</span>"
          "<span><i style=\"background:var(--kept)\"></i>moved, keeps its shape</span>",
          page->f);
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        if (!plan->move[m].kept && plan->move[m].shape_known) {
            fputs("<span><i style=\"background:var(--bent)\"></i>moved, merged or split</span>",
                  page->f);
            break;
        }
    }
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        if (!plan->move[m].shape_known) {
            fputs("<span><i style=\"background:var(--blind)\"></i>moved, nodes not known</span>",
                  page->f);
            break;
        }
    }
    if (plan->nr_stays) {
        fputs("<span><i style=\"background:var(--bent)\"></i>cannot leave</span>", page->f);
    }
    fputs("<span><i style=\"background:var(--held)\"></i>claimed by others</span>"
          "<span>&#9478; the most taken between</span>"
          "<span>bars are to scale: VMs and free memory of a node</span></div>\n",
          page->f);
}

static void draw_some(struct hosts *h, int least, int most)
{
    const struct exclaim_pool *pool = h->page->pool;

    fprintf(h->page->f, "<div class=\"hosts%s\">\n", pool->nr_hosts <= FEW ? " few" : "");
    for (int role = most; role >= least; role--) {
        for (uint32_t i = 0; i < pool->nr_hosts; i++) {
            if (h->role[i] == role) {
                draw_host(h, i);
            }
        }
    }
    fputs("</div>\n", h->page->f);
}

static void draw_all(struct hosts *h)
{
    const struct exclaim_pool *pool = h->page->pool;
    uint32_t unchanged = 0;

    for (uint32_t i = 0; i < pool->nr_hosts; i++) {
        for (uint32_t n = 0; n < pool->host[i].nr_nodes; n++) {
            uint64_t size = node_size(h, i, n);

            h->widest = size > h->widest ? size : h->widest;
        }
    }
    fputs("<h2>Hosts and nodes</h2>\n", h->page->f);
    draw_key(h->page, h->plan);
    for (uint32_t i = 0; i < pool->nr_hosts; i++) {
        unchanged += h->role[i] == ROLE_NONE;
    }
    if (unchanged == pool->nr_hosts || unchanged <= UNCHANGED) {
        draw_some(h, ROLE_NONE, ROLE_SOURCE);
        return;
    }
    draw_some(h, ROLE_TARGET, ROLE_SOURCE);
    fprintf(h->page->f, "<details><summary>%" PRIu32 " hosts do not change</summary>\n", unchanged);
    draw_some(h, ROLE_NONE, ROLE_NONE);
    fputs("</details>\n", h->page->f);
}

int html_hosts(struct html_page *page, const struct exclaim_plan *plan, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = page->pool;
    struct hosts h = { .page = page, .plan = plan, .width = pool->nr_hosts <= FEW ? WIDE : NARROW };
    int rc = -1;

    h.least = malloc((size_t)(pool->nr_hosts + 1) * sizeof(*h.least));
    h.move = malloc(((size_t)pool->nr_vms + 1) * sizeof(*h.move));
    h.role = calloc(pool->nr_hosts + 1, 1);
    if (!h.least || !h.move || !h.role) {
        goto no_memory;
    }
    memset(h.least, 0xff, (size_t)(pool->nr_hosts + 1) * sizeof(*h.least));
    memset(h.move, 0xff, ((size_t)pool->nr_vms + 1) * sizeof(*h.move));
    for (uint32_t i = 0; i < plan->nr_stays; i++) {
        h.move[plan->stay[i].vm] = MOVE_STUCK;
    }
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        h.move[plan->move[m].vm] = m;
        h.role[plan->move[m].to] = ROLE_TARGET;
    }
    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        if (!page->rolling) {
            h.role[plan->move[m].from] = ROLE_SOURCE;
        }
    }
    replay(&h);
    if (group(&h, false) || group(&h, true)) {
        goto no_memory;
    }
    draw_all(&h);
    rc = 0;
    goto out;

no_memory:
    exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "page of %" PRIu32 " VMs", pool->nr_vms);
out:
    exclaim_replay_close(h.replay);
    free(h.least);
    free(h.move);
    free(h.role);
    for (int i = 0; i < 2; i++) {
        free(h.vms[i]);
        free(h.first[i]);
    }
    return rc;
}
