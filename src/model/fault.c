/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens before an operation: somebody else's turn, and failures that were ordered. */
#include "state.h"

#include <errno.h>

void model_set_hook(struct model *m, model_hook_fn *hook, void *arg)
{
    m->hook = hook;
    m->hook_arg = arg;
}

int model_fault(struct model *m, enum model_op op, uint64_t nth, int errnum)
{
    return model_fault_of(m, op, UINT32_MAX, nth, errnum);
}

int model_fault_of(struct model *m, enum model_op op, uint32_t domid, uint64_t nth, int errnum)
{
    if (nth == 0) {
        return -EINVAL;
    }
    for (unsigned int i = 0; i < MODEL_FAULTS; i++) {
        if (m->fault[i].left == 0) {
            m->fault[i] =
                (struct model_fault){ .op = op, .domid = domid, .left = nth, .errnum = errnum };
            return 0;
        }
    }
    return -ENOSPC;
}

unsigned int model_faults_waiting(const struct model *m)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < MODEL_FAULTS; i++) {
        nr += m->fault[i].left != 0;
    }
    return nr;
}

/* Every fault that is waiting counts this call; the first that is due decides. */
static int due(struct model *m, enum model_op op, uint32_t domid)
{
    int errnum = 0;

    for (unsigned int i = 0; i < MODEL_FAULTS; i++) {
        struct model_fault *f = &m->fault[i];

        if (f->left == 0 || (f->op != op && f->op != MODEL_OP_ANY) ||
            (f->domid != domid && f->domid != UINT32_MAX)) {
            continue;
        }
        f->left--;
        if (f->left == 0 && !errnum) {
            errnum = f->errnum;
        }
    }
    return errnum;
}

int model_enter(struct model *m, enum model_op op, uint32_t domid)
{
    int errnum = 0;

    /* A hook's own operations are somebody else's: they neither nest nor use up faults. */
    if (!m->in_hook) {
        errnum = op == MODEL_OP_WINDOW || op == MODEL_OP_PAUSE ? 0 : due(m, op, domid);
        if (m->hook) {
            m->in_hook = true;
            m->hook(m, op, domid, m->hook_arg);
            m->in_hook = false;
        }
    }
    return m->crashed[0] ? EIO : errnum;
}
