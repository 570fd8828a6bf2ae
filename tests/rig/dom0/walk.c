/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a guest: how long a read takes that finds its address translation in no cache. Two areas, one of the guest's own pages
 * of 4 KiB, one of 2 MiB as far as the guest's kernel has them, are walked from page to page in an order that looks random.
 * Prints "walk SMALL LARGE", nanoseconds per read, about once a second, for ever. It writes nothing while it walks.
 *
 * usage: walk MIB
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096ul
#define LARGE (2ul << 20)
#define READS 200000u

/* A way through all pages that ends where it began; each page has the next one's address, at a place of its own. */
static void **way(unsigned long pages, int advice)
{
    char *area = mmap(NULL, pages * PAGE + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long *order = malloc(pages * sizeof(*order));
    uint64_t dice = 88172645463325252ull;
    void **first;

    if (area == MAP_FAILED || !order) {
        perror("walk");
        exit(1);
    }
    area = (char *)(((uintptr_t)area + LARGE - 1) & ~(LARGE - 1));
    madvise(area, pages * PAGE, advice);
    for (unsigned long i = 0; i < pages; i++)
        order[i] = i;
    for (unsigned long i = pages - 1; i > 0; i--) {
        unsigned long j, swap = order[i];

        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        j = dice % (i + 1);
        order[i] = order[j];
        order[j] = swap;
    }
#define CELL(i) ((void **)(area + order[i] * PAGE + order[i] * 64 % PAGE))
    for (unsigned long i = 0; i < pages; i++)
        *CELL(i) = CELL((i + 1) % pages);
    first = CELL(0);
    free(order);
    return first;
}

static double walk(void **cell)
{
    struct timespec start, end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < READS; i++)
        cell = *(void **volatile *)cell;
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / READS;
}

int main(int argc, char **argv)
{
    unsigned long pages = argc == 2 ? strtoul(argv[1], NULL, 10) * 256 : 0;
    void **small, **large;

    if (!pages) {
        fprintf(stderr, "usage: walk MIB\n");
        return 1;
    }
    small = way(pages, MADV_NOHUGEPAGE);
    large = way(pages, MADV_HUGEPAGE);
    for (;;) {
        double first = walk(small), second = walk(large);

        printf("walk %.1f %.1f\n", first, second);
        fflush(stdout);
        sleep(1);
    }
}
