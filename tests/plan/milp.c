/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables, for VM i, part k, node n of host h:
 *   x_i_k_n  the part lies on the node;   y_i_h  the VM is whole on the host;
 *   f_i_h    it is there, merged or split;
 *   u_n      the node holds parts;        w_n    what it has for them once loose pages are off.
 * Maximised is VMs that leave, before VMs that are whole.
 */
#include "milp.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct part {
    int64_t pages;
    uint32_t node;
};

struct vm {
    const struct exclaim_pool_vm *pool;
    uint32_t nr;
    struct part part[EXCLAIM_NODES_MAX];
    int64_t total, loose, arrival;
    bool counted;
};

struct program {
    const struct exclaim_pool *pool;
    const struct exclaim_plan_options *opt;
    bool leaving[EXCLAIM_POOL_HOSTS];
    struct vm *vm;
    uint32_t nr;
    int64_t loose; /* of all */
    FILE *out;
};

static bool known(const struct exclaim_pool_host *h)
{
    return h->free_source != EXCLAIM_FROM_NOWHERE && h->nr_nodes && h->online;
}

static int64_t node_room(const struct exclaim_pool_host *h, uint32_t n)
{
    return h->online >> n & 1 ? (int64_t)h->free[n] - (int64_t)h->claimed[n] - (int64_t)h->slack
                              : -1;
}

static int64_t host_room(const struct exclaim_pool_host *h)
{
    const int64_t room = (int64_t)h->host_free - (int64_t)h->host_claimed - (int64_t)h->headroom;

    return room > 0 ? room : 0;
}

static void load(struct program *p, uint32_t index)
{
    const struct exclaim_pool_vm *from = &p->pool->vm[index];
    struct vm *vm = &p->vm[p->nr++];
    uint32_t largest = 0;

    *vm = (struct vm){ .pool = from, .total = (int64_t)from->total_pages };
    vm->arrival = (int64_t)from->arrival_pages;
    vm->loose = vm->arrival + vm->total;
    for (uint32_t n = 1; n < from->nr_nodes; n++) {
        largest = from->pages[n] > from->pages[largest] ? n : largest;
    }
    for (uint32_t n = 0; n < from->nr_nodes; n++) {
        if (from->pages[n] && (n == largest || from->pages[n] > p->opt->stray_pages)) {
            vm->part[vm->nr++] = (struct part){ (int64_t)from->pages[n], n };
            vm->loose -= (int64_t)from->pages[n];
        }
    }
    vm->counted = vm->nr && from->exact;
    if (!vm->nr) {
        vm->part[vm->nr++] = (struct part){ vm->total, EXCLAIM_NO_NODE };
        vm->loose = vm->arrival;
    }
    p->loose += vm->loose;
}

static bool allowed(const struct program *p, const struct vm *vm, uint32_t host)
{
    const struct exclaim_pool_host *h = &p->pool->host[host];

    return !p->leaving[host] && h->enabled && exclaim_pool_may_run(vm->pool, host) &&
           !exclaim_host_version_older(&h->version, &p->pool->host[vm->pool->host].version) &&
           host_room(h) >= vm->total + vm->arrival;
}

static bool part_may(const struct program *p, const struct vm *vm, uint32_t k, uint32_t host,
                     uint32_t n)
{
    const struct exclaim_pool_host *h = &p->pool->host[host];

    return known(h) && node_room(h, n) >= vm->part[k].pages + vm->loose &&
           (!vm->pool->pinned || vm->part[k].node == n);
}

static bool whole_may(const struct program *p, const struct vm *vm, uint32_t host)
{
    const struct exclaim_pool_host *h = &p->pool->host[host];

    for (uint32_t k = 0; k < vm->nr; k++) {
        bool any = false;

        for (uint32_t n = 0; n < h->nr_nodes; n++) {
            any |= part_may(p, vm, k, host, n);
        }
        if (!any) {
            return false;
        }
    }
    return vm->counted && allowed(p, vm, host);
}

static bool fluid_may(const struct program *p, const struct vm *vm, uint32_t host)
{
    return allowed(p, vm, host) && !vm->pool->pinned && !p->opt->whole_parts;
}

/* What of @w the VMs on @host need of it, whole ones and others. */
enum what { TOTAL, LOOSE, FLUID };

static void sum_host(const struct program *p, uint32_t host, enum what what)
{
    for (uint32_t i = 0; i < p->nr; i++) {
        const struct vm *vm = &p->vm[i];
        const int64_t c = what == LOOSE ? vm->loose : vm->total + (what == TOTAL ? vm->arrival : 0);

        if (c && what != FLUID && whole_may(p, vm, host)) {
            fprintf(p->out, "\n + %lld y_%u_%u", (long long)c, i, host);
        }
        if (c && fluid_may(p, vm, host)) {
            fprintf(p->out, "\n + %lld f_%u_%u", (long long)c, i, host);
        }
    }
}

static void sum_node(const struct program *p, uint32_t host, uint32_t n)
{
    for (uint32_t i = 0; i < p->nr; i++) {
        for (uint32_t k = 0; k < p->vm[i].nr && whole_may(p, &p->vm[i], host); k++) {
            if (part_may(p, &p->vm[i], k, host, n)) {
                fprintf(p->out, "\n + %lld x_%u_%u_%u_%u", (long long)p->vm[i].part[k].pages, i, k,
                        host, n);
            }
        }
    }
}

static void write_vm(const struct program *p, uint32_t i)
{
    const struct vm *vm = &p->vm[i];

    fprintf(p->out, " one_%u: 0 zero", i);
    for (uint32_t h = 0; h < p->pool->nr_hosts; h++) {
        if (whole_may(p, vm, h)) {
            fprintf(p->out, "\n + y_%u_%u", i, h);
        }
        if (fluid_may(p, vm, h)) {
            fprintf(p->out, "\n + f_%u_%u", i, h);
        }
    }
    fprintf(p->out, " <= 1\n");
    for (uint32_t h = 0; h < p->pool->nr_hosts; h++) {
        if (!whole_may(p, vm, h)) {
            continue;
        }
        for (uint32_t k = 0; k < vm->nr; k++) {
            fprintf(p->out, " on_%u_%u_%u: - y_%u_%u", i, h, k, i, h);
            for (uint32_t n = 0; n < p->pool->host[h].nr_nodes; n++) {
                if (part_may(p, vm, k, h, n)) {
                    fprintf(p->out, " + x_%u_%u_%u_%u", i, k, h, n);
                }
            }
            fprintf(p->out, " = 0\n");
        }
        for (uint32_t n = 0; n < p->pool->host[h].nr_nodes && vm->nr > 1; n++) {
            fprintf(p->out, " own_%u_%u_%u: 0 zero", i, h, n);
            for (uint32_t k = 0; k < vm->nr; k++) {
                if (part_may(p, vm, k, h, n)) {
                    fprintf(p->out, " + x_%u_%u_%u_%u", i, k, h, n);
                }
            }
            fprintf(p->out, " <= 1\n");
        }
    }
}

static void write_host(const struct program *p, uint32_t h)
{
    const struct exclaim_pool_host *host = &p->pool->host[h];
    const uint32_t nodes = known(host) ? host->nr_nodes : 0;

    fprintf(p->out, " host_%u: 0 zero", h);
    sum_host(p, h, TOTAL);
    fprintf(p->out, " <= %lld\n", (long long)host_room(host));
    for (uint32_t n = 0; n < nodes; n++) {
        const int64_t room = node_room(host, n);

        if (room <= 0) {
            continue;
        }
        /* w <= room u;  w + loose <= room + (all loose) (1 - u);  parts <= w */
        fprintf(p->out, " used_%u_%u: w_%u_%u - %lld u_%u_%u <= 0\n", h, n, h, n, (long long)room,
                h, n);
        fprintf(p->out, " room_%u_%u: w_%u_%u + %lld u_%u_%u", h, n, h, n, (long long)p->loose, h,
                n);
        sum_host(p, h, LOOSE);
        fprintf(p->out, " <= %lld\n", (long long)(room + p->loose));
        fprintf(p->out, " node_%u_%u: - w_%u_%u", h, n, h, n);
        sum_node(p, h, n);
        fprintf(p->out, " <= 0\n");
    }
    if (!nodes) {
        return;
    }
    fprintf(p->out, " fluid_%u: 0 zero", h);
    sum_host(p, h, FLUID);
    for (uint32_t n = 0; n < nodes; n++) {
        if (node_room(host, n) > 0) {
            fprintf(p->out, "\n - w_%u_%u", h, n);
            sum_node(p, h, n);
        }
    }
    fprintf(p->out, " <= 0\n");
}

static void write_binaries(const struct program *p)
{
    fprintf(p->out, "Binaries\n zero\n");
    for (uint32_t h = 0; h < p->pool->nr_hosts; h++) {
        const struct exclaim_pool_host *host = &p->pool->host[h];

        for (uint32_t n = 0; n < host->nr_nodes && known(host) && !p->leaving[h]; n++) {
            if (node_room(host, n) > 0) {
                fprintf(p->out, " u_%u_%u\n", h, n);
            }
        }
        for (uint32_t i = 0; i < p->nr; i++) {
            const struct vm *vm = &p->vm[i];

            if (fluid_may(p, vm, h)) {
                fprintf(p->out, " f_%u_%u\n", i, h);
            }
            if (!whole_may(p, vm, h)) {
                continue;
            }
            fprintf(p->out, " y_%u_%u\n", i, h);
            for (uint32_t k = 0; k < vm->nr; k++) {
                for (uint32_t n = 0; n < host->nr_nodes; n++) {
                    if (part_may(p, vm, k, h, n)) {
                        fprintf(p->out, " x_%u_%u_%u_%u\n", i, k, h, n);
                    }
                }
            }
        }
    }
}

static void write_program(const struct program *p)
{
    fprintf(p->out, "Maximize\n goal: 0 zero");
    for (uint32_t i = 0; i < p->nr; i++) {
        for (uint32_t h = 0; h < p->pool->nr_hosts; h++) {
            if (whole_may(p, &p->vm[i], h)) {
                fprintf(p->out, "\n + %u y_%u_%u", p->nr + 1 + p->vm[i].counted, i, h);
            }
            if (fluid_may(p, &p->vm[i], h)) {
                fprintf(p->out, "\n + %u f_%u_%u", p->nr + 1, i, h);
            }
        }
    }
    fprintf(p->out, "\nSubject To\n nothing: zero = 0\n");
    for (uint32_t i = 0; i < p->nr; i++) {
        write_vm(p, i);
    }
    for (uint32_t h = 0; h < p->pool->nr_hosts; h++) {
        if (!p->leaving[h] && p->pool->host[h].enabled) {
            write_host(p, h);
        }
    }
    write_binaries(p);
    fprintf(p->out, "End\n");
}

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int run(char *const argv[])
{
    posix_spawn_file_actions_t quiet;
    int status = -1;
    pid_t pid;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ) || waitpid(pid, &status, 0) < 0) {
        status = -1;
    }
    posix_spawn_file_actions_destroy(&quiet);
    return status;
}

bool milp_available(void)
{
    char *argv[] = { "cbc", "-quit", NULL };

    return run(argv) == 0;
}

static bool solve(const char *program, const char *solution, uint32_t seconds, uint32_t nr,
                  struct milp_answer *answer)
{
    char limit[16], line[256];
    char *argv[] = { "cbc",
                     (char *)(uintptr_t)program,
                     "-sec",
                     limit,
                     "-ratioGap",
                     "0",
                     "-allow",
                     "0.5",
                     "-solve",
                     "-solu",
                     (char *)(uintptr_t)solution,
                     "-quit",
                     NULL };
    double value;
    FILE *in;
    bool ok;

    snprintf(limit, sizeof(limit), "%u", seconds);
    answer->ms = now_ms();
    ok = run(argv) == 0;
    answer->ms = now_ms() - answer->ms;
    in = ok ? fopen(solution, "r") : NULL;
    if (!in) {
        return false;
    }
    ok = fgets(line, sizeof(line), in) != NULL && strstr(line, "objective value") &&
         sscanf(strstr(line, "objective value"), "objective value %lf", &value) == 1;
    fclose(in);
    if (ok) {
        const uint64_t goal = (uint64_t)(value < 0 ? 0.5 - value : value + 0.5);

        answer->optimal = strncmp(line, "Optimal", 7) == 0;
        answer->leave = goal / (nr + 1);
        answer->keep = goal % (nr + 1);
    }
    return ok;
}

bool milp_evacuate(const struct exclaim_pool *pool, const uint32_t *host, uint32_t nr_hosts,
                   const struct exclaim_plan_options *opt, uint32_t seconds, const char *dir,
                   struct milp_answer *answer)
{
    struct program p = { .pool = pool, .opt = opt };
    char program[300], solution[300];
    bool ok = false;

    *answer = (struct milp_answer){ 0 };
    snprintf(program, sizeof(program), "%s/%d.lp", dir, (int)getpid());
    snprintf(solution, sizeof(solution), "%s/%d.sol", dir, (int)getpid());
    p.vm = calloc(pool->nr_vms + 1u, sizeof(*p.vm));
    p.out = fopen(program, "w");
    if (!p.vm || !p.out) {
        goto out;
    }
    for (uint32_t i = 0; i < nr_hosts; i++) {
        p.leaving[host[i]] = true;
    }
    for (uint32_t v = 0; v < pool->nr_vms; v++) {
        if (pool->vm[v].host < pool->nr_hosts && p.leaving[pool->vm[v].host]) {
            load(&p, v);
        }
    }
    write_program(&p);
    ok = fclose(p.out) == 0 && solve(program, solution, seconds, p.nr, answer);
    p.out = NULL;
out:
    if (p.out) {
        fclose(p.out);
    }
    unlink(program);
    unlink(solution);
    free(p.vm);
    return ok;
}
