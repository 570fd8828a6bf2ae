/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals, proofs and changes in one line each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/plan.h>

#include "../base/short.h"
#include "../base/text.h"

const char *exclaim_misfit_why_name(enum exclaim_misfit_why why)
{
    switch (why) {
    case EXCLAIM_FITS:
        return "fits";
    case EXCLAIM_MISFIT_SELF:
        return "self";
    case EXCLAIM_MISFIT_DISABLED:
        return "disabled";
    case EXCLAIM_MISFIT_AGILITY:
        return "agility";
    case EXCLAIM_MISFIT_OLDER:
        return "older";
    case EXCLAIM_MISFIT_PINNED:
        return "pinned";
    case EXCLAIM_MISFIT_HOST:
        return "host";
    case EXCLAIM_MISFIT_NODES:
        return "nodes";
    case EXCLAIM_MISFIT_NODE:
        return "node";
    case EXCLAIM_MISFIT_UNKNOWN:
        return "unknown";
    case EXCLAIM_MISFIT_COUNT:
        return "count";
    case EXCLAIM_MISFIT_NO_NODE:
        return "no-node";
    case EXCLAIM_MISFIT_DEAD:
        return "dead";
    case EXCLAIM_MISFIT_GPU:
        return "gpu";
    case EXCLAIM_MISFIT_TOGETHER:
        break;
    }
    return "together";
}

const char *exclaim_plan_prefer_name(enum exclaim_plan_prefer prefer)
{
    return prefer == EXCLAIM_PREFER_PACK ? "pack" : "spread";
}

bool exclaim_plan_prefer_parse(const char *name, enum exclaim_plan_prefer *prefer)
{
    *prefer = strcmp(name, "pack") ? EXCLAIM_PREFER_SPREAD : EXCLAIM_PREFER_PACK;
    return !strcmp(name, exclaim_plan_prefer_name(*prefer));
}

/* A name within a sentence: so long that what is said of it is not lost behind it. */
#define NAME_COLUMNS 64

struct shown {
    char text[256];
};

static struct shown shown(const char *name)
{
    struct shown s;

    short_name(name, NAME_COLUMNS, true, s.text, sizeof(s.text));
    return s;
}

static struct shown vm_name(const struct exclaim_pool *pool, uint32_t vm)
{
    return shown(vm < pool->nr_vms ? exclaim_pool_vm_name(pool, vm) : "?");
}

static struct shown host_name(const struct exclaim_pool *pool, uint32_t host)
{
    return shown(host < pool->nr_hosts ? exclaim_pool_host_name(pool, host) : "?");
}

/* "host b"; or, where no host is meant, @none. */
static const char *some_host(const struct exclaim_pool *pool, uint32_t host, const char *none,
                             char *text, size_t size)
{
    if (host >= pool->nr_hosts) {
        return none;
    }
    snprintf(text, size, "host %s", host_name(pool, host).text);
    return text;
}

/* "node 1 of host b" or "host b". */
static void place_name(const struct exclaim_pool *pool, uint32_t host, uint32_t node, char *text,
                       size_t size)
{
    if (host >= pool->nr_hosts) {
        snprintf(text, size, "no other host");
    } else if (node == EXCLAIM_NO_NODE) {
        snprintf(text, size, "host %s", host_name(pool, host).text);
    } else {
        snprintf(text, size, "node %u of host %s", node, host_name(pool, host).text);
    }
}

/* A host that takes no VMs, or all of them, and why. */
static void closed_text(const struct exclaim_pool *pool, const struct exclaim_misfit *misfit,
                        char *text, size_t size)
{
    const struct shown vm = vm_name(pool, misfit->vm);
    const char *between = ": ";
    size_t len;

    if (misfit->host < pool->nr_hosts) {
        const char *why = pool->host[misfit->host].closed;

        snprintf(text, size, "VM %s: host %s takes no VMs%s%s", vm.text,
                 host_name(pool, misfit->host).text, why && *why ? ": " : "", why ? why : "");
        return;
    }
    len = (size_t)snprintf(text, size, "VM %s: no other host takes VMs", vm.text);
    for (uint32_t h = 0; h < pool->nr_hosts && len < size; h++) {
        const char *why = pool->host[h].closed;

        if (why && *why && (misfit->vm >= pool->nr_vms || pool->vm[misfit->vm].host != h)) {
            len += (size_t)snprintf(text + len, size - len, "%shost %s: %s", between,
                                    host_name(pool, h).text, why);
            between = ", ";
        }
    }
}

void exclaim_misfit_text(const struct exclaim_pool *pool, const struct exclaim_misfit *misfit,
                         char *text, size_t size)
{
    const struct shown shown_vm = vm_name(pool, misfit->vm);
    const char *vm = shown_vm.text;
    char place[288], part[48] = "", to[288];

    place_name(pool, misfit->host, misfit->node, place, sizeof(place));
    if (misfit->src_node != EXCLAIM_NO_NODE) {
        snprintf(part, sizeof(part), "its part on node %u ", misfit->src_node);
    }
    switch (misfit->why) {
    case EXCLAIM_FITS:
        snprintf(text, size, "VM %s fits %s", vm,
                 some_host(pool, misfit->host, "every other host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_SELF:
        snprintf(text, size, "VM %s is on %s already", vm,
                 some_host(pool, misfit->host, "its host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_DISABLED:
        closed_text(pool, misfit, text, size);
        return;
    case EXCLAIM_MISFIT_DEAD:
        snprintf(text, size, "VM %s: %s is not live: its VMs cannot be migrated", vm,
                 some_host(pool,
                           misfit->vm < pool->nr_vms ? pool->vm[misfit->vm].host : EXCLAIM_NO_HOST,
                           "its host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_AGILITY:
        snprintf(text, size, "VM %s may not run on %s: %s", vm,
                 some_host(pool, misfit->host, "any other host", to, sizeof(to)),
                 misfit->vm < pool->nr_vms
                     ? exclaim_pool_why_not(&pool->vm[misfit->vm], misfit->host)
                     : "");
        return;
    case EXCLAIM_MISFIT_OLDER:
        snprintf(text, size, "VM %s: %s is older than the one it is on", vm,
                 some_host(pool, misfit->host, "every other host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_UNKNOWN:
        snprintf(text, size, "VM %s: nothing is known of the nodes of %s: %s", vm,
                 some_host(pool, misfit->host, "the other hosts", to, sizeof(to)),
                 misfit->host < pool->nr_hosts ? pool->host[misfit->host].why : "");
        return;
    case EXCLAIM_MISFIT_COUNT:
        snprintf(text, size, "VM %s: its count is not exact: %s", vm,
                 misfit->vm < pool->nr_vms ? pool->vm[misfit->vm].why : "");
        return;
    case EXCLAIM_MISFIT_GPU:
        snprintf(text, size, "VM %s: no GPU of its group on %s has room for its vGPU", vm,
                 some_host(pool, misfit->host, "any other host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_NODES:
        snprintf(text, size, "VM %s: %sneeds %s, %s has no node left for it", vm, part,
                 exclaim_size(misfit->need).text,
                 some_host(pool, misfit->host, "every other host", to, sizeof(to)));
        return;
    case EXCLAIM_MISFIT_NO_NODE:
        snprintf(text, size, "VM %s: %s has no node %u, and it is pinned", vm,
                 some_host(pool, misfit->host, "every other host", to, sizeof(to)),
                 misfit->src_node);
        return;
    case EXCLAIM_MISFIT_PINNED:
    case EXCLAIM_MISFIT_HOST:
    case EXCLAIM_MISFIT_NODE:
    case EXCLAIM_MISFIT_TOGETHER:
        break;
    }
    snprintf(text, size,
             "VM %s: %sneeds %s, best is %s with %s free, %s promised or kept free: short by %s%s",
             vm, part, exclaim_size(misfit->need).text, place, exclaim_size(misfit->free).text,
             exclaim_size(misfit->claimed).text, exclaim_size_pages(misfit->short_by).text,
             misfit->why == EXCLAIM_MISFIT_PINNED     ? ", and it is pinned"
             : misfit->why == EXCLAIM_MISFIT_TOGETHER ? " with the others of the plan there"
                                                      : "");
}

bool exclaim_plan_optimal(const struct exclaim_plan_proof *proof)
{
    return proof->leave.reached == proof->leave.bound && proof->keep.reached == proof->keep.bound &&
           proof->apart.reached == proof->apart.bound;
}

bool exclaim_plan_complete(const struct exclaim_plan_proof *proof)
{
    return proof->leave.reached == proof->nr_vms && proof->keep.reached == proof->nr_vms;
}

bool exclaim_plan_fits(const struct exclaim_plan *plan)
{
    for (uint32_t s = 0; s < plan->nr_steps; s++) {
        if (plan->step[s].kind == EXCLAIM_STEP_EVACUATE &&
            !exclaim_plan_complete(&plan->step[s].proof)) {
            return false;
        }
    }
    return !plan->blocked && !plan->nr_strays;
}

static const char *are(uint64_t n)
{
    return n == 1 ? "is" : "are";
}

/* @leaves: why some cannot leave, else why some that leave do not keep their shape. */
static void reason_text(const struct exclaim_pool *pool, const struct exclaim_plan_reason *why,
                        bool leaves, char *text, size_t size)
{
    const bool unknown =
        why->misfit.why == EXCLAIM_MISFIT_UNKNOWN || why->misfit.why == EXCLAIM_MISFIT_COUNT;
    char misfit[448];

    switch (why->kind) {
    case EXCLAIM_REASON_ALONE:
        exclaim_misfit_text(pool, &why->misfit, misfit, sizeof(misfit));
        snprintf(text, size, ": %" PRIu64 " %s: %s", why->count,
                 leaves    ? "could not go even alone"
                 : unknown ? "not for certain"
                           : "could not even alone",
                 misfit);
        return;
    case EXCLAIM_REASON_SLOTS:
        snprintf(text, size,
                 ": parts of at least %s need %" PRIu64 " places of that size, there %s %" PRIu64,
                 exclaim_size(why->pages).text, why->need, are(why->room), why->room);
        return;
    case EXCLAIM_REASON_PAGES:
        snprintf(text, size,
                 ": parts of at least %s are %s in all, the nodes that hold one have %s",
                 exclaim_size(why->pages).text, exclaim_size(why->need).text,
                 exclaim_size(why->room).text);
        return;
    case EXCLAIM_REASON_HOSTS:
        if (why->in_pages) {
            snprintf(text, size,
                     ": %" PRIu64 " VMs of at least %s need %s in all, the hosts that hold one "
                     "have %s: short by %s",
                     why->count, exclaim_size(why->pages).text, exclaim_size(why->need).text,
                     exclaim_size(why->room).text, exclaim_size_pages(why->need - why->room).text);
            return;
        }
        snprintf(text, size,
                 ": %" PRIu64 " VMs of at least %s do not all find room on the hosts: need %" PRIu64
                 " places of that size, there %s %" PRIu64,
                 why->count, exclaim_size(why->pages).text, why->need, are(why->room), why->room);
        return;
    case EXCLAIM_REASON_PARTS:
        if (why->in_pages) {
            snprintf(text, size,
                     ": %" PRIu64 " VMs with %" PRIu32 " parts of at least %s do not all find as "
                     "many nodes of one host: need %s for the smallest of these, have %s",
                     why->count, why->parts, exclaim_size(why->pages).text,
                     exclaim_size(why->need).text, exclaim_size(why->room).text);
            return;
        }
        snprintf(text, size,
                 ": %" PRIu64 " VMs with %" PRIu32
                 " parts of at least %s do not all find as many nodes of one host: need %" PRIu64
                 " such places, there %s %" PRIu64,
                 why->count, why->parts, exclaim_size(why->pages).text, why->need, are(why->room),
                 why->room);
        return;
    case EXCLAIM_REASON_GPUS:
        snprintf(text, size,
                 ": %" PRIu64 " VMs have %" PRIu64
                 " vGPUs of one type, the GPUs of their group have room for %" PRIu64,
                 why->count, why->need, why->room);
        return;
    case EXCLAIM_REASON_SEARCHED:
        snprintf(text, size, ": all other assignments ruled out in %" PRIu64 " step%s", why->count,
                 exclaim_s(why->count));
        return;
    case EXCLAIM_REASON_NONE:
    case EXCLAIM_REASON_LIMIT:
        break;
    }
    text[0] = 0;
}

/* What is proven is proven of memory as it is; VMs may give some back when XAPI asks. */
static const char *infeasible(const struct exclaim_pool *pool,
                              const struct exclaim_plan_proof *proof, char *give, size_t size)
{
    const struct exclaim_misfit *misfit = &proof->why_leave.misfit;
    uint64_t most = 0, sum = 0;
    uint32_t who = 0;

    if (proof->why_leave.kind == EXCLAIM_REASON_GPUS ||
        (proof->why_leave.kind == EXCLAIM_REASON_ALONE && !misfit->short_by)) {
        return "infeasible"; /* not for lack of memory */
    }
    for (uint32_t h = 0; h < pool->nr_hosts; h++) {
        uint32_t vm;
        uint64_t pages = exclaim_pool_givable(pool, h, UINT32_MAX, &vm);

        if (!pool->host[h].enabled || !pages ||
            (proof->why_leave.kind == EXCLAIM_REASON_ALONE && h != misfit->host)) {
            continue;
        }
        sum += pages;
        who = pages > most ? vm : who;
        most = pages > most ? pages : most;
    }
    if (!sum) {
        return "infeasible";
    }
    snprintf(give, size, "; VMs there can give back %s when XAPI asks, VM %s among them",
             exclaim_size(sum).text, vm_name(pool, who).text);
    return "infeasible as memory is now";
}

/* How much better another plan might be, where that is not settled. */
static void goal_text(const struct exclaim_plan_goal *goal, char *text, size_t size)
{
    text[0] = '\0';
    if (goal->reached < goal->bound) {
        snprintf(text, size, " (%" PRIu64 " at most)", goal->bound);
    }
}

static void apart_text(const struct exclaim_plan_proof *proof, char *text, size_t size)
{
    const uint64_t pairs = proof->apart.reached, before = proof->apart_before;
    size_t len;

    text[0] = '\0';
    if (!pairs) {
        return;
    }
    len = (size_t)snprintf(text, size, ", %" PRIu64 " %s", pairs,
                           pairs == 1 ? "pair that should be apart shares a host"
                                      : "pairs that should be apart share a host");
    if (before == pairs && len < size) {
        len += (size_t)snprintf(text + len, size - len, " as before");
    } else if (before && len < size) {
        len += (size_t)snprintf(text + len, size - len, " (%" PRIu64 " as before)", before);
    }
    if (pairs > proof->apart.bound && len < size) {
        snprintf(text + len, size - len, " (%" PRIu64 " at least)", proof->apart.bound);
    }
}

void exclaim_plan_proof_text(const struct exclaim_pool *pool,
                             const struct exclaim_plan_proof *proof, char *text, size_t size)
{
    const bool all = proof->leave.bound == proof->nr_vms;
    const bool leaves = proof->leave.reached < proof->nr_vms;
    char why[512], broken[160], more_leave[48], more_keep[48], give[352] = "";
    const char *verdict = !all ? infeasible(pool, proof, give, sizeof(give))
                          : exclaim_plan_optimal(proof) ? "optimal"
                                                        : "perhaps not the best";

    reason_text(pool, leaves ? &proof->why_leave : &proof->why_keep, leaves, why, sizeof(why));
    goal_text(&proof->leave, more_leave, sizeof(more_leave));
    goal_text(&proof->keep, more_keep, sizeof(more_keep));
    apart_text(proof, broken, sizeof(broken));
    if (!proof->nr_vms) {
        snprintf(text, size, "%s: no VM is to be moved%s", verdict, broken);
        return;
    }
    snprintf(text, size,
             "%s: %" PRIu64 " of %" PRIu64 " VMs %s%s, %" PRIu64 " keep their shape%s%s%s%s",
             verdict, proof->leave.reached, proof->nr_vms, proof->back ? "return" : "leave",
             more_leave, proof->keep.reached, more_keep, broken, why, give);
}

const char *exclaim_change_kind_name(enum exclaim_change_kind kind)
{
    switch (kind) {
    case EXCLAIM_CHANGE_NODE_ROOM:
        return "node-room";
    case EXCLAIM_CHANGE_HOST_ROOM:
        return "host-room";
    case EXCLAIM_CHANGE_MOVE:
        return "move";
    case EXCLAIM_CHANGE_BALLOON:
        return "balloon";
    case EXCLAIM_CHANGE_GIVE:
        return "give-back";
    case EXCLAIM_CHANGE_ENABLE:
        return "enable";
    case EXCLAIM_CHANGE_SPLIT:
        break;
    }
    return "split";
}

void exclaim_change_text(const struct exclaim_pool *pool, const struct exclaim_change *change,
                         char *text, size_t size)
{
    const struct shown shown_vm = vm_name(pool, change->vm);
    const char *vm = shown_vm.text;
    char place[288];

    place_name(pool, change->host, change->node, place, sizeof(place));
    switch (change->kind) {
    case EXCLAIM_CHANGE_NODE_ROOM:
    case EXCLAIM_CHANGE_HOST_ROOM:
        snprintf(text, size, "VM %s keeps its shape with %s more on %s", vm,
                 exclaim_size_pages(change->pages).text, place);
        return;
    case EXCLAIM_CHANGE_GIVE:
        snprintf(text, size,
                 "VM %s keeps its shape on host %s once VMs there have given back %s of %s, which "
                 "XAPI asks of them; VM %s can give most",
                 vm, host_name(pool, change->host).text, exclaim_size(change->pages).text,
                 change->node == EXCLAIM_NO_NODE ? "the host" : place,
                 vm_name(pool, change->other).text);
        return;
    case EXCLAIM_CHANGE_ENABLE:
        snprintf(text, size, "VM %s keeps its shape on host %s if that is enabled", vm,
                 host_name(pool, change->host).text);
        return;
    case EXCLAIM_CHANGE_MOVE:
        snprintf(text, size, "VM %s keeps its shape on %s if VM %s with %s there goes to host %s",
                 vm, place, vm_name(pool, change->other).text, exclaim_size(change->pages).text,
                 host_name(pool, change->other_host).text);
        return;
    case EXCLAIM_CHANGE_BALLOON:
        snprintf(text, size, "VM %s keeps its shape on %s if it gives back %s", vm, place,
                 exclaim_size_pages(change->pages).text);
        return;
    case EXCLAIM_CHANGE_SPLIT:
        break;
    }
    snprintf(text, size, "VM %s fits host %s without its shape", vm,
             host_name(pool, change->host).text);
}

void exclaim_plan_nodes_text(const struct exclaim_plan_move *move, char *text, size_t size)
{
    static const char cut[] = " \u2026";
    size_t len = 0;

    *text = '\0';
    for (uint32_t i = 0; i < move->nr_parts; i++) {
        const struct exclaim_part *p = &move->part[i];
        char src[16] = "?", dst[16] = "?", one[40];
        size_t more;

        if (p->src_node != EXCLAIM_NO_NODE) {
            snprintf(src, sizeof(src), "%" PRIu32, p->src_node);
        }
        if (p->dst_node != EXCLAIM_NO_NODE) {
            snprintf(dst, sizeof(dst), "%" PRIu32, p->dst_node);
        }
        more = (size_t)snprintf(one, sizeof(one), "%s%s>%s", i ? " " : "", src, dst);
        if (len + more + (i + 1 < move->nr_parts ? sizeof(cut) : 1) > size) {
            snprintf(text + len, size - len, "%s", cut);
            return;
        }
        memcpy(text + len, one, more + 1);
        len += more;
    }
}
