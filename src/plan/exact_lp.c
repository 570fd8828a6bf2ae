/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fractions of patterns with most value: each item and each host at most once, and no more items
 * than are known to be possible.  A primal simplex
 * with a dense inverse; there are some dozens of rows.  Nothing is proven by its numbers: they only
 * propose prices and where to branch.
 */
#include <math.h>
#include <stdlib.h>

#include "exact.h"

#define EPSILON 1e-7

bool master_open(struct master *m, uint32_t nr_items, uint32_t nr_hosts)
{
    const uint32_t rows = nr_items + nr_hosts + 2;

    *m = (struct master){ .nr_items = nr_items, .nr_hosts = nr_hosts, .rows = rows };
    m->dual = calloc(rows + 1u, sizeof(*m->dual));
    m->basic = calloc(rows + 1u, sizeof(*m->basic));
    m->row = calloc(rows + 1u, sizeof(*m->row));
    m->basis = calloc(rows + 1u, sizeof(*m->basis));
    m->inverse = calloc((size_t)rows * rows + 1u, sizeof(*m->inverse));
    if (m->dual && m->basic && m->row && m->basis && m->inverse) {
        return true;
    }
    master_close(m);
    return false;
}

void master_close(struct master *m)
{
    free(m->column);
    free(m->banned);
    free(m->amount);
    free(m->dual);
    free(m->basic);
    free(m->row);
    free(m->basis);
    free(m->inverse);
    *m = (struct master){ 0 };
}

bool master_add(struct master *m, const struct pattern *pattern)
{
    if (m->nr == m->max) {
        const uint32_t max = m->max ? m->max * 2 : 256;
        struct pattern *column = realloc(m->column, max * sizeof(*column));
        bool *banned;
        double *amount;

        m->column = column ? column : m->column;
        banned = realloc(m->banned, max * sizeof(*banned));
        m->banned = banned ? banned : m->banned;
        amount = realloc(m->amount, max * sizeof(*amount));
        m->amount = amount ? amount : m->amount;
        if (!column || !banned || !amount) {
            return false;
        }
        m->max = max;
    }
    m->column[m->nr] = *pattern;
    m->banned[m->nr] = false;
    m->amount[m->nr++] = 0;
    return true;
}

/* The sum of @of over the rows, times what @c is in each. */
static double over_rows(const struct master *m, const struct pattern *c, const double *of)
{
    double sum = of[m->nr_items + c->host];

    sum += of[m->rows - 2] * __builtin_popcountll(c->whole | c->fluid);
    sum += of[m->rows - 1] * __builtin_popcountll(c->whole);
    for (uint64_t items = c->whole | c->fluid; items; items &= items - 1) {
        sum += of[__builtin_ctzll(items)];
    }
    return sum;
}

/* Slacks are numbered from nr on, by row. */
static double value_of(const struct master *m, uint32_t variable)
{
    const struct pattern *c;

    if (variable >= m->nr) {
        return 0;
    }
    c = &m->column[variable];
    return (double)(c->value + m->bonus * __builtin_popcountll((c->whole | c->fluid) & m->must));
}

static void set_duals(struct master *m)
{
    for (uint32_t r = 0; r < m->rows; r++) {
        m->dual[r] = 0;
    }
    for (uint32_t b = 0; b < m->rows; b++) {
        const double value = value_of(m, m->basis[b]);
        const double *line = &m->inverse[(size_t)b * m->rows];

        for (uint32_t r = 0; r < m->rows && value != 0; r++) {
            m->dual[r] += value * line[r];
        }
    }
}

/* What improves most, or with @first the first that improves; UINT32_MAX: nothing does. */
static uint32_t entering(const struct master *m, bool first)
{
    uint32_t best = UINT32_MAX;
    double most = EPSILON;

    for (uint32_t c = 0; c < m->nr; c++) {
        const double gain =
            m->banned[c] ? 0 : value_of(m, c) - over_rows(m, &m->column[c], m->dual);

        if (gain > most) {
            best = c;
            most = gain;
            if (first) {
                return best;
            }
        }
    }
    for (uint32_t r = 0; r < m->rows; r++) {
        if (-m->dual[r] > most) {
            best = m->nr + r;
            most = -m->dual[r];
            if (first) {
                return best;
            }
        }
    }
    return best;
}

static void pivot(struct master *m, uint32_t leaves, uint32_t enters)
{
    double *line = &m->inverse[(size_t)leaves * m->rows];
    const double by = m->row[leaves];

    for (uint32_t r = 0; r < m->rows; r++) {
        line[r] /= by;
    }
    m->basic[leaves] /= by;
    for (uint32_t b = 0; b < m->rows; b++) {
        double *other = &m->inverse[(size_t)b * m->rows];
        const double times = m->row[b];

        if (b == leaves || times == 0) {
            continue;
        }
        for (uint32_t r = 0; r < m->rows; r++) {
            other[r] -= times * line[r];
        }
        m->basic[b] -= times * m->basic[leaves];
    }
    m->basis[leaves] = enters;
}

void master_solve(struct master *m, uint64_t *steps)
{
    for (size_t i = 0; i < (size_t)m->rows * m->rows; i++) {
        m->inverse[i] = 0;
    }
    for (uint32_t r = 0; r < m->rows; r++) {
        m->inverse[(size_t)r * m->rows + r] = 1;
        /* Slightly different sides, so that no step is of length 0 and none is taken twice. */
        m->basic[r] = (r < m->rows - 2    ? 1
                       : r == m->rows - 2 ? m->leave
                                          : m->keep) +
                      1e-6 * (1 + r);
        m->basis[r] = m->nr + r;
    }
    for (uint32_t round = 0; round < 50 * m->rows; round++) {
        uint32_t enters, leaves = UINT32_MAX;
        double least = 0;

        set_duals(m);
        enters = entering(m, round > 25 * m->rows);
        *steps += (uint64_t)m->rows * m->rows / 32 + m->nr / 8;
        if (enters == UINT32_MAX) {
            break;
        }
        for (uint32_t b = 0; b < m->rows; b++) {
            const double *line = &m->inverse[(size_t)b * m->rows];

            m->row[b] =
                enters < m->nr ? over_rows(m, &m->column[enters], line) : line[enters - m->nr];
            if (m->row[b] > EPSILON && (leaves == UINT32_MAX || m->basic[b] / m->row[b] < least)) {
                leaves = b;
                least = m->basic[b] / m->row[b];
            }
        }
        if (leaves == UINT32_MAX) {
            break; /* rounding: every step is bounded by a row */
        }
        pivot(m, leaves, enters);
    }
    set_duals(m);
    for (uint32_t c = 0; c < m->nr; c++) {
        m->amount[c] = 0;
    }
    for (uint32_t b = 0; b < m->rows; b++) {
        if (m->basis[b] < m->nr) {
            m->amount[m->basis[b]] = m->basic[b];
        }
    }
}
