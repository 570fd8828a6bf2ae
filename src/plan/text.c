/* SPDX-License-Identifier: BSD-2-Clause */
/* Refusals, proofs and changes in one line each. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <exclaim/plan.h>

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
    case EXCLAIM_MISFIT_TOGETHER:
        break;
    }
    return "together";
}

static const char *vm_name(const struct exclaim_pool *pool, uint32_t vm)
{
    return vm < pool->nr_vms ? pool->vm[vm].name : "?";
}

static const char *host_name(const struct exclaim_pool *pool, uint32_t host)
{
    return host < pool->nr_hosts ? pool->host[host].name : "any";
}

/* "node 1 of host b" or "host b". */
static void place_name(const struct exclaim_pool *pool, uint32_t host, uint32_t node, char *text,
                       size_t size)
{
    if (node == EXCLAIM_NO_NODE) {
        snprintf(text, size, "host %s", host_name(pool, host));
    } else {
        snprintf(text, size, "node %u of host %s", node, host_name(pool, host));
    }
}

/* A host that takes no VMs, or all of them, and why. */
static void closed_text(const struct exclaim_pool *pool, const struct exclaim_misfit *misfit,
                        char *text, size_t size)
{
    const char *vm = vm_name(pool, misfit->vm), *between = ": ";
    size_t len;

    if (misfit->host < pool->nr_hosts) {
        const char *why = pool->host[misfit->host].closed;

        snprintf(text, size, "VM %s: host %s takes no VMs%s%s", vm, host_name(pool, misfit->host),
                 why && *why ? ": " : "", why ? why : "");
        return;
    }
    len = (size_t)snprintf(text, size, "VM %s: no other host takes VMs", vm);
    for (uint32_t h = 0; h < pool->nr_hosts && len < size; h++) {
        const char *why = pool->host[h].closed;

        if (why && *why && (misfit->vm >= pool->nr_vms || pool->vm[misfit->vm].host != h)) {
            len += (size_t)snprintf(text + len, size - len, "%shost %s: %s", between,
                                    host_name(pool, h), why);
            between = ", ";
        }
    }
}

void exclaim_misfit_text(const struct exclaim_pool *pool, const struct exclaim_misfit *misfit,
                         char *text, size_t size)
{
    const char *vm = vm_name(pool, misfit->vm), *host = host_name(pool, misfit->host);
    char place[160], part[48] = "";

    place_name(pool, misfit->host, misfit->node, place, sizeof(place));
    if (misfit->src_node != EXCLAIM_NO_NODE) {
        snprintf(part, sizeof(part), "its part on node %u ", misfit->src_node);
    }
    switch (misfit->why) {
    case EXCLAIM_FITS:
        snprintf(text, size, "VM %s fits host %s", vm, host);
        return;
    case EXCLAIM_MISFIT_SELF:
        snprintf(text, size, "VM %s is on host %s already", vm, host);
        return;
    case EXCLAIM_MISFIT_DISABLED:
        closed_text(pool, misfit, text, size);
        return;
    case EXCLAIM_MISFIT_DEAD:
        snprintf(text, size, "VM %s: host %s is not live: its VMs cannot be migrated", vm,
                 host_name(pool, misfit->vm < pool->nr_vms ? pool->vm[misfit->vm].host
                                                           : EXCLAIM_NO_HOST));
        return;
    case EXCLAIM_MISFIT_AGILITY:
        snprintf(text, size, "VM %s may not run on host %s: %s", vm, host,
                 misfit->vm < pool->nr_vms
                     ? exclaim_pool_why_not(&pool->vm[misfit->vm], misfit->host)
                     : "");
        return;
    case EXCLAIM_MISFIT_OLDER:
        snprintf(text, size, "VM %s: host %s is older than the one it is on", vm, host);
        return;
    case EXCLAIM_MISFIT_UNKNOWN:
        snprintf(text, size, "VM %s: nothing is known of the nodes of host %s: %s", vm, host,
                 misfit->host < pool->nr_hosts ? pool->host[misfit->host].why : "");
        return;
    case EXCLAIM_MISFIT_COUNT:
        snprintf(text, size, "VM %s: its count is not exact: %s", vm,
                 misfit->vm < pool->nr_vms ? pool->vm[misfit->vm].why : "");
        return;
    case EXCLAIM_MISFIT_NODES:
        snprintf(text, size, "VM %s: %sneeds %" PRIu64 " pages, host %s has no node left for it",
                 vm, part, misfit->need, host);
        return;
    case EXCLAIM_MISFIT_NO_NODE:
        snprintf(text, size, "VM %s: host %s has no node %u, and it is pinned", vm, host,
                 misfit->src_node);
        return;
    case EXCLAIM_MISFIT_PINNED:
    case EXCLAIM_MISFIT_HOST:
    case EXCLAIM_MISFIT_NODE:
    case EXCLAIM_MISFIT_TOGETHER:
        break;
    }
    snprintf(text, size,
             "VM %s: %sneeds %" PRIu64 " pages, best is %s with %" PRIu64 " free, %" PRIu64
             " promised to others: short by %" PRIu64 "%s",
             vm, part, misfit->need, place, misfit->free, misfit->claimed, misfit->short_by,
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

static void reason_text(const struct exclaim_pool *pool, const struct exclaim_plan_reason *why,
                        char *text, size_t size)
{
    char misfit[256];

    switch (why->kind) {
    case EXCLAIM_REASON_ALONE:
        exclaim_misfit_text(pool, &why->misfit, misfit, sizeof(misfit));
        snprintf(text, size, ": %" PRIu64 " would not even alone: %s", why->count, misfit);
        return;
    case EXCLAIM_REASON_SLOTS:
        snprintf(text, size,
                 ": parts of at least %" PRIu64 " pages need %" PRIu64
                 " places of that size, there are %" PRIu64,
                 why->pages, why->need, why->room);
        return;
    case EXCLAIM_REASON_PAGES:
        snprintf(text, size,
                 ": parts of at least %" PRIu64 " pages are %" PRIu64
                 " pages, the nodes that hold one have %" PRIu64,
                 why->pages, why->need, why->room);
        return;
    case EXCLAIM_REASON_HOSTS:
        snprintf(text, size,
                 ": %" PRIu64 " VMs of at least %" PRIu64
                 " pages do not all find room on the hosts: need %" PRIu64
                 " places of that size, there are %" PRIu64,
                 why->count, why->pages, why->need, why->room);
        return;
    case EXCLAIM_REASON_PARTS:
        snprintf(text, size,
                 ": %" PRIu64 " VMs with %" PRIu32 " parts of at least %" PRIu64
                 " pages do not all find as many nodes of one host: need %" PRIu64
                 " such places, there are %" PRIu64,
                 why->count, why->parts, why->pages, why->need, why->room);
        return;
    case EXCLAIM_REASON_SEARCHED:
        snprintf(text, size, ": all other assignments ruled out in %" PRIu64 " steps", why->count);
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

    if (proof->why_leave.kind == EXCLAIM_REASON_ALONE && !misfit->short_by) {
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
    snprintf(give, size,
             "; VMs there can give back %" PRIu64 " pages when XAPI asks, VM %s among them", sum,
             vm_name(pool, who));
    return "infeasible as memory is now";
}

void exclaim_plan_proof_text(const struct exclaim_pool *pool,
                             const struct exclaim_plan_proof *proof, char *text, size_t size)
{
    const uint64_t leave = proof->leave.bound - proof->leave.reached;
    const uint64_t keep = proof->keep.bound - proof->keep.reached;
    const uint64_t apart = proof->apart.reached - proof->apart.bound;
    char verdict[64], why[400], broken[112] = "", gap[64] = "";
    const bool all = proof->leave.bound == proof->nr_vms;
    char give[160] = "";

    reason_text(pool, proof->leave.reached < proof->nr_vms ? &proof->why_leave : &proof->why_keep,
                why, sizeof(why));
    if (exclaim_plan_optimal(proof)) {
        snprintf(verdict, sizeof(verdict), "%s",
                 all ? "optimal" : infeasible(pool, proof, give, sizeof(give)));
    } else if (all) {
        snprintf(verdict, sizeof(verdict), "within %" PRIu64, leave + keep + apart);
    } else {
        snprintf(verdict, sizeof(verdict), "%s", infeasible(pool, proof, give, sizeof(give)));
        snprintf(gap, sizeof(gap), "; of what is possible up to %" PRIu64 " may be missing",
                 leave + keep + apart);
    }
    if (proof->apart.reached) {
        size_t len =
            (size_t)snprintf(broken, sizeof(broken), ", %" PRIu64 " %s", proof->apart.reached,
                             proof->apart.reached == 1 ? "pair that should be apart shares a host"
                                                       : "pairs that should be apart share a host");

        if (proof->apart_before) {
            snprintf(broken + len, sizeof(broken) - len, " (%" PRIu64 " of VMs that stay)",
                     proof->apart_before);
        }
    }
    snprintf(text, size,
             "%s: %" PRIu64 " of %" PRIu64 " VMs leave, %" PRIu64 " keep their shape%s%s%s%s",
             verdict, proof->leave.reached, proof->nr_vms, proof->keep.reached, broken, why, gap,
             give);
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
    const char *vm = vm_name(pool, change->vm);
    char place[160];

    place_name(pool, change->host, change->node, place, sizeof(place));
    switch (change->kind) {
    case EXCLAIM_CHANGE_NODE_ROOM:
    case EXCLAIM_CHANGE_HOST_ROOM:
        snprintf(text, size, "VM %s keeps its shape with %" PRIu64 " pages more on %s", vm,
                 change->pages, place);
        return;
    case EXCLAIM_CHANGE_GIVE:
        snprintf(text, size,
                 "VM %s keeps its shape on host %s once VMs there have given back %" PRIu64
                 " pages of %s, which XAPI asks of them; most can give VM %s",
                 vm, host_name(pool, change->host), change->pages,
                 change->node == EXCLAIM_NO_NODE ? "the host" : place,
                 vm_name(pool, change->other));
        return;
    case EXCLAIM_CHANGE_ENABLE:
        snprintf(text, size, "VM %s keeps its shape on host %s if that is enabled", vm,
                 host_name(pool, change->host));
        return;
    case EXCLAIM_CHANGE_MOVE:
        snprintf(text, size,
                 "VM %s keeps its shape on %s if VM %s with %" PRIu64
                 " pages there goes to host %s",
                 vm, place, vm_name(pool, change->other), change->pages,
                 host_name(pool, change->other_host));
        return;
    case EXCLAIM_CHANGE_BALLOON:
        snprintf(text, size, "VM %s keeps its shape on %s if it gives back %" PRIu64 " pages", vm,
                 place, change->pages);
        return;
    case EXCLAIM_CHANGE_SPLIT:
        break;
    }
    snprintf(text, size, "VM %s fits host %s without its shape", vm, host_name(pool, change->host));
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
