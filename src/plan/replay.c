/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan step by step, with books of its own. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <exclaim/plan.h>

struct host_book {
    int64_t node[EXCLAIM_NODES_MAX];    /* room left; arrival pages are not taken off here */
    int64_t planned[EXCLAIM_NODES_MAX]; /* pages that the plan has put there */
    int64_t total;
    int64_t arrival; /* of all VMs that the plan has put there */
    uint32_t vms;    /* on it, arriving or leaving */
    bool known, enabled, upgraded;
};

struct vm_book {
    uint32_t host;
    uint32_t lies; /* as this move says; EXCLAIM_NO_VM: as in the pool */
    bool moving, charged;
};

struct exclaim_replay {
    const struct exclaim_pool *pool;
    const struct exclaim_plan *plan;
    struct host_book *host;
    struct vm_book *vm;
    uint32_t *gpus_there; /* [gpu][kind]: of VMs where they were */
    uint32_t *gpus_more;  /* [host][kind]: of VMs that the plan has put there */
};

static int64_t host_total(const struct exclaim_pool_host *h)
{
    const uint64_t promised = h->host_claimed + h->headroom;

    return (int64_t)h->host_free - (int64_t)promised;
}

struct exclaim_replay *exclaim_replay_open(const struct exclaim_pool *pool,
                                           const struct exclaim_plan *plan)
{
    struct exclaim_replay *r = calloc(1, sizeof(*r));

    if (!r) {
        return NULL;
    }
    r->pool = pool;
    r->plan = plan;
    r->host = calloc(pool->nr_hosts + 1u, sizeof(*r->host));
    r->vm = calloc(pool->nr_vms + 1u, sizeof(*r->vm));
    r->gpus_there = calloc((size_t)pool->nr_gpus * EXCLAIM_GPU_KINDS + 1u, sizeof(uint32_t));
    r->gpus_more = calloc((size_t)pool->nr_hosts * EXCLAIM_GPU_KINDS + 1u, sizeof(uint32_t));
    if (!r->host || !r->vm || !r->gpus_there || !r->gpus_more) {
        exclaim_replay_close(r);
        return NULL;
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        const struct exclaim_pool_host *from = &pool->host[h];

        r->host[h].enabled = from->enabled;
        r->host[h].upgraded = exclaim_pool_newest(pool, h);
        r->host[h].total = host_total(from);
        r->host[h].known = from->free_source != EXCLAIM_FROM_NOWHERE && from->online;
        for (uint32_t n = 0; n < from->nr_nodes; n++) {
            if (from->online >> n & 1) {
                r->host[h].node[n] =
                    (int64_t)from->free[n] - (int64_t)from->claimed[n] - (int64_t)from->slack;
            }
        }
    }
    for (uint32_t g = 0; g < pool->nr_gpus; g++) {
        for (uint32_t k = 0; k < EXCLAIM_GPU_KINDS; k++) {
            r->gpus_there[(size_t)g * EXCLAIM_GPU_KINDS + k] = pool->gpu[g].nr[k];
        }
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        r->vm[v].host = pool->vm[v].host;
        r->vm[v].lies = EXCLAIM_NO_VM;
        if (pool->vm[v].host < pool->nr_hosts) {
            r->host[pool->vm[v].host].vms++;
        }
    }
    return r;
}

void exclaim_replay_close(struct exclaim_replay *r)
{
    if (r) {
        free(r->host);
        free(r->gpus_there);
        free(r->gpus_more);
        free(r->vm);
        free(r);
    }
}

uint32_t exclaim_replay_vm(const struct exclaim_replay *r, uint32_t vm,
                           uint64_t pages[EXCLAIM_NODES_MAX])
{
    const struct vm_book *v = &r->vm[vm];

    if (!pages) {
        return v->host;
    }
    memset(pages, 0, EXCLAIM_NODES_MAX * sizeof(*pages));
    if (v->lies == EXCLAIM_NO_VM) {
        for (uint32_t n = 0; n < r->pool->vm[vm].nr_nodes; n++) {
            pages[n] = r->pool->vm[vm].pages[n];
        }
        return v->host;
    }
    for (uint32_t i = 0; i < r->plan->move[v->lies].nr_parts; i++) {
        const struct exclaim_part *part = &r->plan->move[v->lies].part[i];

        if (part->dst_node < EXCLAIM_NODES_MAX) {
            pages[part->dst_node] += part->pages;
        }
    }
    return v->host;
}

static int may_start(const struct exclaim_replay *r, const struct exclaim_plan_move *m,
                     struct exclaim_error *err)
{
    const struct exclaim_pool *pool = r->pool;
    const char *why = NULL;

    if (m->vm >= pool->nr_vms || m->to >= pool->nr_hosts || m->from == m->to) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "a move of VM %u to host %u", m->vm, m->to);
    }
    if (r->vm[m->vm].moving) {
        why = "it is moving already";
    } else if (r->vm[m->vm].host != m->from) {
        why = "it is not where the move says";
    } else if (m->from < pool->nr_hosts && pool->host[m->from].dead) {
        why = "the host on which it is is not live";
    } else if (!r->host[m->to].enabled) {
        why = "the host is not enabled";
    } else if (!exclaim_pool_may_run(&pool->vm[m->vm], m->to)) {
        why = "it may not run there";
    } else if (m->from < pool->nr_hosts && !r->host[m->to].upgraded &&
               (r->host[m->from].upgraded ||
                exclaim_host_version_older(&pool->host[m->to].version,
                                           &pool->host[m->from].version))) {
        why = "the host is older";
    }
    if (why) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "VM %s to host %s: %s", pool->vm[m->vm].name,
                            pool->host[m->to].name, why);
    }
    return 0;
}

static int check_host(const struct exclaim_replay *r, uint32_t host, struct exclaim_error *err)
{
    const struct host_book *h = &r->host[host];

    if (h->total < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                            "host %s would be oversold by %" PRId64 " pages",
                            r->pool->host[host].name, -h->total);
    }
    for (uint32_t n = 0; n < r->pool->host[host].nr_nodes; n++) {
        if (h->planned[n] && h->node[n] < h->arrival) {
            return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                                "node %u of host %s would be oversold by %" PRId64
                                " pages, %" PRId64 " of them on arrival",
                                n, r->pool->host[host].name, h->arrival - h->node[n], h->arrival);
        }
    }
    return 0;
}

static int start_gpus(struct exclaim_replay *r, const struct exclaim_plan_move *m,
                      struct exclaim_error *err)
{
    const struct exclaim_pool_vm *vm = &r->pool->vm[m->vm];
    uint32_t *more = &r->gpus_more[(size_t)m->to * EXCLAIM_GPU_KINDS];

    for (uint32_t i = 0; i < vm->nr_vgpus; i++) {
        more[vm->vgpu[i].kind]++;
    }
    if (vm->nr_vgpus && !exclaim_pool_gpus_take(r->pool, m->to, r->gpus_there, more)) {
        return exclaim_fail(err, EXCLAIM_ERR_NOFIT, 0,
                            "the GPUs of host %s have no room for the vGPU of VM %s",
                            r->pool->host[m->to].name, vm->name);
    }
    return 0;
}

static void end_gpus(struct exclaim_replay *r, const struct exclaim_plan_move *m)
{
    const struct exclaim_pool_vm *vm = &r->pool->vm[m->vm];

    for (uint32_t i = 0; i < vm->nr_vgpus; i++) {
        const uint32_t kind = vm->vgpu[i].kind, gpu = vm->vgpu[i].gpu;

        if (r->vm[m->vm].lies != EXCLAIM_NO_VM) {
            r->gpus_more[(size_t)m->from * EXCLAIM_GPU_KINDS + kind]--;
        } else if (gpu < r->pool->nr_gpus) {
            r->gpus_there[(size_t)gpu * EXCLAIM_GPU_KINDS + kind]--;
        }
    }
}

int exclaim_replay_start(struct exclaim_replay *r, uint32_t move, struct exclaim_error *err)
{
    const struct exclaim_plan_move *m = &r->plan->move[move];
    struct host_book *to;
    uint64_t sum = 0;

    if (may_start(r, m, err)) {
        return -1;
    }
    to = &r->host[m->to];
    for (uint32_t i = 0; i < m->nr_parts; i++) {
        const struct exclaim_part *part = &m->part[i];

        sum += part->pages;
        /* Nobody knows which nodes gave it memory at the start: none was credited with it. */
        if (!to->known || (part->dst_node == EXCLAIM_NO_NODE && !r->pool->vm[m->vm].nr_nodes &&
                           m->to == r->pool->vm[m->vm].host)) {
            continue;
        }
        if (part->dst_node >= EXCLAIM_NODES_MAX ||
            !(r->pool->host[m->to].online >> part->dst_node & 1)) {
            return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "VM %s to node %u of host %s",
                                r->pool->vm[m->vm].name, part->dst_node, r->pool->host[m->to].name);
        }
        to->node[part->dst_node] -= (int64_t)part->pages;
        to->planned[part->dst_node] += (int64_t)part->pages;
    }
    if (sum != r->pool->vm[m->vm].total_pages) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                            "VM %s: parts of %" PRIu64 " pages, it owns %" PRIu64,
                            r->pool->vm[m->vm].name, sum, r->pool->vm[m->vm].total_pages);
    }
    to->total -= (int64_t)sum;
    /* Where it was at the start it never gave its arrival pages back. */
    if (m->to != r->pool->vm[m->vm].host) {
        to->arrival += (int64_t)r->pool->vm[m->vm].arrival_pages;
        to->total -= (int64_t)r->pool->vm[m->vm].arrival_pages;
    }
    to->vms++;
    r->vm[m->vm].moving = true;
    return check_host(r, m->to, err) || start_gpus(r, m, err) ? -1 : 0;
}

int exclaim_replay_end(struct exclaim_replay *r, uint32_t move, struct exclaim_error *err)
{
    const struct exclaim_plan_move *m = &r->plan->move[move];
    struct vm_book *v;
    uint64_t pages[EXCLAIM_NODES_MAX];

    if (m->vm >= r->pool->nr_vms || !r->vm[m->vm].moving) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "move %u has not started", move);
    }
    v = &r->vm[m->vm];
    exclaim_replay_vm(r, m->vm, pages);
    if (m->from < r->pool->nr_hosts) {
        struct host_book *from = &r->host[m->from];

        for (uint32_t n = 0; n < r->pool->host[m->from].nr_nodes; n++) {
            if (from->known && r->pool->host[m->from].online >> n & 1) {
                from->node[n] += (int64_t)pages[n];
                from->planned[n] -= v->lies != EXCLAIM_NO_VM ? (int64_t)pages[n] : 0;
            }
        }
        from->total += (int64_t)r->pool->vm[m->vm].total_pages;
        if (v->charged) {
            from->arrival -= (int64_t)r->pool->vm[m->vm].arrival_pages;
            from->total += (int64_t)r->pool->vm[m->vm].arrival_pages;
        }
        from->vms--;
        end_gpus(r, m);
    }
    v->charged = m->to != r->pool->vm[m->vm].host;
    v->host = m->to;
    v->lies = move;
    v->moving = false;
    return 0;
}

int exclaim_replay_upgraded(struct exclaim_replay *r, uint32_t host, struct exclaim_error *err)
{
    if (host >= r->pool->nr_hosts || r->host[host].vms) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "host %u is upgraded with %u VMs on it",
                            host, host < r->pool->nr_hosts ? r->host[host].vms : 0);
    }
    r->host[host].upgraded = r->host[host].enabled = true;
    return 0;
}

static uint64_t positive(int64_t a)
{
    return a > 0 ? (uint64_t)a : 0;
}

void exclaim_replay_room(const struct exclaim_replay *r, uint32_t host, struct exclaim_room *room)
{
    const struct host_book *h = &r->host[host];

    exclaim_plan_room(r->pool, host, room);
    for (uint32_t n = 0; n < room->nr_nodes; n++) {
        if (room->allowed >> n & 1) {
            room->free[n] = positive(h->node[n] + (int64_t)(room->claimed[n] + room->slack));
        }
    }
    room->host_free = positive(h->total + (int64_t)(room->host_claimed + room->headroom));
}

bool exclaim_replay_by_itself(const struct exclaim_replay *r, uint32_t move, uint64_t stray_pages)
{
    const struct exclaim_plan_move *m = &r->plan->move[move];
    const struct exclaim_match_options opt = { .stray_pages = stray_pages };
    uint64_t want[EXCLAIM_NODES_MAX] = { 0 };
    struct exclaim_reservation *res = malloc(sizeof(*res));
    struct exclaim_match match;
    struct exclaim_room room;
    bool same = false;

    if (!res) {
        return false;
    }
    exclaim_plan_reservation(r->pool, m->vm, res);
    if (r->vm[m->vm].lies != EXCLAIM_NO_VM) {
        res->count.nr_nodes = EXCLAIM_NODES_MAX;
        exclaim_replay_vm(r, m->vm, res->count.pages);
        memset(res->distance, 0, sizeof(res->distance));
    }
    exclaim_replay_room(r, m->to, &room);
    for (uint32_t i = 0; i < m->nr_parts; i++) {
        if (m->part[i].dst_node < EXCLAIM_NODES_MAX) {
            want[m->part[i].dst_node] += m->part[i].pages;
        }
    }
    same = exclaim_match(res, &room, &opt, &match, NULL) == 0 &&
           memcmp(want, match.pages, sizeof(want)) == 0;
    free(res);
    return same;
}
