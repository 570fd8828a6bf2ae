/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts as bars: each node before and after, VM by VM, and the most that was taken between. */
#include "../base/text.h"
#include "html_page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* VMs narrower than so many hundredths of the widest bar are drawn together, so that a host of 1000
 * is a picture and not a file of megabytes. */
#define THIN      0.7
#define THIN_MANY 1.4
#define MANY      10000

/* A name stands in a bar that is at least so wide. */
#define NAMED 6.0

/* Few hosts have wide cards; of many, those that change are shown first. */
#define FEW       4
#define UNCHANGED 8

struct hosts {
    struct html_page *page;
    const struct exclaim_plan *plan;
    struct exclaim_replay *replay; /* at the end of the plan; NULL: it could not be replayed */
    uint64_t (*least)[EXCLAIM_NODES_MAX]; /* the least room of a node at any moment */
    uint32_t *move;                       /* per VM its last move, or one of those below */
    uint8_t *role;                        /* per host */
    bool *same;                           /* per host: nothing is drawn as changed */
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

/* Whether it is in the end where it was, page by page. */
static bool unmoved(const struct hosts *h, uint32_t vm)
{
    const struct exclaim_pool_vm *v = &h->page->pool->vm[vm];
    uint64_t pages[EXCLAIM_NODES_MAX];

    if (h->move[vm] == MOVE_NONE) {
        return true;
    }
    if (h->move[vm] == MOVE_STUCK || !h->replay ||
        host_of(h, vm, true) != h->page->pool->vm[vm].host) {
        return false;
    }
    exclaim_replay_vm(h->replay, vm, pages);
    for (uint32_t n = 0; n < EXCLAIM_NODES_MAX; n++) {
        if (pages[n] != (n < v->nr_nodes ? v->pages[n] : 0)) {
            return false;
        }
    }
    return true;
}

static const char *vm_class(const struct hosts *h, uint32_t vm, bool after, bool odd)
{
    uint32_t move = h->move[vm];

    if (move == MOVE_STUCK) {
        return "no";
    }
    if (unmoved(h, vm)) {
        return odd ? "stay2" : "stay";
    }
    return after ? html_move_class(&h->plan->move[move]) : "move";
}

/* In hundredths of the bar. */
static double share(uint64_t pages, uint64_t size)
{
    return size ? 100.0 * (double)pages / (double)size : 0;
}

/* VMs that stay and are thin become one block with their number. */
struct block {
    uint64_t pages;
    uint32_t nr;
};

static void flush_block(struct hosts *h, struct block *b, uint64_t size)
{
    if (b->nr) {
        fprintf(h->page->f,
                "<i class=\"stay\" style=\"width:%.2f%%\" title=\"%" PRIu32 " VM%s, %s\"></i>",
                share(b->pages, size), b->nr, exclaim_s(b->nr), exclaim_size(b->pages).text);
    }
    *b = (struct block){ 0 };
}

/* The VMs of one node; returns their pages. */
static uint64_t draw_vms(struct hosts *h, uint32_t host, uint32_t node, bool after, uint64_t size)
{
    const double thin = h->page->pool->nr_vms > MANY ? THIN_MANY : THIN;
    struct block block = { 0 };
    uint64_t sum = 0;

    for (uint32_t i = h->first[after][host]; i < h->first[after][host + 1]; i++) {
        uint32_t vm = h->vms[after][i];
        uint64_t pages = pages_on(h, vm, node, after);

        sum += pages;
        if (!pages) {
            continue;
        }
        if (unmoved(h, vm) && share(pages, h->widest) < thin) {
            block.pages += pages;
            block.nr++;
            if (share(block.pages, h->widest) >= thin) {
                flush_block(h, &block, size);
            }
            continue;
        }
        flush_block(h, &block, size);
        fprintf(h->page->f, "<i class=\"%s\" style=\"width:%.2f%%\" title=\"",
                vm_class(h, vm, after, i & 1), share(pages, size));
        html_textf(h->page, "%s: %s", html_vm(h->page->pool, vm), exclaim_size(pages).text);
        fputs("\">", h->page->f);
        if (share(pages, h->widest) >= NAMED) { /* the style shows it where it has room, whole */
            fputs("<b>", h->page->f);
            html_text(h->page, html_vm(h->page->pool, vm));
            fputs("</b>", h->page->f);
        }
        fputs("</i>", h->page->f);
    }
    flush_block(h, &block, size);
    return sum;
}

/* "29.4 of 112 GiB", "29 of 112 GiB": one unit where that is exact enough. */
static void draw_share(struct html_page *page, uint64_t pages, uint64_t size)
{
    const uint64_t gib = 256 * 1024ull;

    if (size >= 10 * gib) {
        fprintf(page->f, "%.*f of %.0f GiB", pages % gib ? 1 : 0, (double)pages / (double)gib,
                (double)size / (double)gib);
    } else {
        fprintf(page->f, "%s of %s", pages ? exclaim_size(pages).text : "0",
                exclaim_size(size).text);
    }
}

/* A bar as long as the node is large, of what lies on it; and how much that is. */
static void draw_node(struct hosts *h, uint32_t host, uint32_t node, bool after, bool last)
{
    const struct exclaim_pool_host *p = &h->page->pool->host[host];
    uint64_t size = node_size(h, host, node), held = p->claimed[node] + p->slack, sum;

    if (after) {
        fputs("<div class=\"row\"><span class=\"l\">after</span>", h->page->f);
    } else {
        fprintf(h->page->f, "<div class=\"row\"><span class=\"l\">node %" PRIu32 "</span>", node);
    }
    fprintf(h->page->f, "<div class=\"track\"><div class=\"bar\" style=\"width:%.2f%%\">",
            share(size, h->widest));
    sum = draw_vms(h, host, node, after, size);
    if (p->claimed[node]) {
        fprintf(h->page->f,
                "<i class=\"held\" style=\"width:%.2f%%\" title=\"%s are claimed by others\"></i>",
                share(held, size), exclaim_size(p->claimed[node]).text);
    }
    if (last && h->role[host] == ROLE_TARGET && h->least[host][node] != UINT64_MAX &&
        size > held + h->least[host][node]) {
        fprintf(h->page->f,
                "<u style=\"left:%.2f%%\" title=\"%s of room are left at the fullest moment\"></u>",
                share(size - held - h->least[host][node], size),
                exclaim_size(h->least[host][node]).text);
    }
    fputs("</div></div><span class=\"n\">", h->page->f);
    draw_share(h->page, sum, size);
    fputs("</span></div>\n", h->page->f);
}

/* Whether what is on the node in the end is what was there. */
static bool same_node(const struct hosts *h, uint32_t host, uint32_t node)
{
    for (int after = 0; after < 2 && h->role[host] != ROLE_NONE && h->replay; after++) {
        for (uint32_t i = h->first[after][host]; i < h->first[after][host + 1]; i++) {
            if (pages_on(h, h->vms[after][i], node, after) &&
                h->move[h->vms[after][i]] != MOVE_STUCK && !unmoved(h, h->vms[after][i])) {
                return false;
            }
        }
    }
    return true;
}

/* The same of the host. */
static bool same_after(const struct hosts *h, uint32_t host)
{
    for (uint32_t n = 0; n < h->page->pool->host[host].nr_nodes; n++) {
        if (!same_node(h, host, n)) {
            return false;
        }
    }
    return h->first[0][host + 1] - h->first[0][host] == h->first[1][host + 1] - h->first[1][host];
}

static void draw_host(struct hosts *h, uint32_t host)
{
    const struct exclaim_pool_host *p = &h->page->pool->host[host];
    uint32_t before = h->first[0][host + 1] - h->first[0][host];
    uint32_t after = h->first[1][host + 1] - h->first[1][host];

    fprintf(h->page->f, "<div class=\"host%s\"><h3>",
            h->role[host] == ROLE_SOURCE ? " source" : "");
    html_text(h->page, html_host(h->page->pool, host));
    fprintf(h->page->f, "<span>%s%" PRIu32 " VM%s", p->enabled ? "" : "disabled, ", before,
            before == 1 ? "" : "s");
    if (after != before) {
        fprintf(h->page->f, " &#8594; %" PRIu32, after);
    }
    fputs("</span></h3>\n", h->page->f);
    if (!p->online || !p->nr_nodes) {
        fprintf(h->page->f,
                "<p class=\"dim\">nothing is known of its nodes; %s free on the host</p>",
                exclaim_size(p->host_free).text);
    }
    for (uint32_t n = 0; n < p->nr_nodes; n++) {
        if (p->online >> n & 1) {
            const bool both = !same_node(h, host, n);

            draw_node(h, host, n, false, !both);
            if (both) {
                draw_node(h, host, n, true, true);
            }
        }
    }
    fputs("</div>\n", h->page->f);
}

static void key(struct html_page *page, const char *class, const char *text)
{
    fprintf(page->f, "<span><i class=\"%s\"></i>%s</span>", class, text);
}

static void draw_key(struct hosts *h)
{
    const struct exclaim_plan *plan = h->plan;
    bool moved = false, kept = false, bent = false, blind = false;

    for (uint32_t m = 0; m < plan->nr_moves; m++) {
        const struct exclaim_plan_move *move = &plan->move[m];

        if (h->move[move->vm] == m && !unmoved(h, move->vm)) {
            moved = true;
            kept |= move->kept;
            bent |= !move->kept && move->shape_known;
            blind |= !move->shape_known;
        }
    }
    fputs("<div class=\"key\">", h->page->f);
    key(h->page, "stay", h->page->rolling ? "is there before and after" : "stays");
    if (moved) {
        key(h->page, "move", "leaves");
    }
    if (kept) {
        key(h->page, "kept", "arrives, keeps its shape");
    }
    if (bent) {
        key(h->page, "bent", "arrives merged or split");
    }
    if (blind) {
        key(h->page, "blind", "arrives, nodes not known");
    }
    if (plan->nr_stays) {
        key(h->page, "no", "cannot leave");
    }
    key(h->page, "held", "claimed by others");
    fputs("<span>&#9478; the most taken between</span><span>bars are to scale: VMs and free memory "
          "of "
          "a node</span></div>\n",
          h->page->f);
}

/* Those that change, those that do not; sources first. */
static void draw_some(struct hosts *h, bool changed, bool same)
{
    const struct exclaim_pool *pool = h->page->pool;

    fprintf(h->page->f, "<div class=\"hosts%s\">\n", pool->nr_hosts <= FEW ? " few" : "");
    for (int role = ROLE_SOURCE; role >= ROLE_NONE; role--) {
        for (uint32_t i = 0; i < pool->nr_hosts; i++) {
            if (h->role[i] == role && (h->same[i] ? same : changed)) {
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
    draw_key(h);
    for (uint32_t i = 0; i < pool->nr_hosts; i++) {
        h->same[i] = same_after(h, i) && h->role[i] != ROLE_SOURCE;
        unchanged += h->same[i];
    }
    if (unchanged <= UNCHANGED) {
        draw_some(h, true, true);
        return;
    }
    draw_some(h, true, false);
    fprintf(h->page->f,
            "<details><summary>%" PRIu32 " hosts have in the end what they have now</summary>\n",
            unchanged);
    draw_some(h, false, true);
    fputs("</details>\n", h->page->f);
}

int html_hosts(struct html_page *page, const struct exclaim_plan *plan, struct exclaim_error *err)
{
    const struct exclaim_pool *pool = page->pool;
    struct hosts h = { .page = page, .plan = plan };
    int rc = -1;

    h.least = malloc((size_t)(pool->nr_hosts + 1) * sizeof(*h.least));
    h.move = malloc(((size_t)pool->nr_vms + 1) * sizeof(*h.move));
    h.role = calloc(pool->nr_hosts + 1, 1);
    h.same = calloc(pool->nr_hosts + 1, sizeof(*h.same));
    if (!h.least || !h.move || !h.role || !h.same) {
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
    free(h.same);
    for (int i = 0; i < 2; i++) {
        free(h.vms[i]);
        free(h.first[i]);
    }
    return rc;
}
