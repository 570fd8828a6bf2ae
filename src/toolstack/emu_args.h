/* SPDX-License-Identifier: BSD-2-Clause */
/* What xenopsd tells emu-manager on the command line. */
#ifndef EXCLAIM_EMU_ARGS_H
#define EXCLAIM_EMU_ARGS_H

#include <stdbool.h>
#include <stdint.h>

/* xen-api ocaml/xenopsd/xc/{emu_manager,domain}.ml; read as both emu-managers read it. */
struct emu_args {
    bool known; /* a mode, a domain and both control descriptors: enough to stand in between */
    bool save;  /* else restore */
    bool hvm;   /* HVM or PVH */
    bool live;
    bool compress; /* a stream of unknown form */
    uint32_t domid;
    int control_in;  /* from xenopsd */
    int control_out; /* to xenopsd */
    int stream_fd;   /* -1: none */
    int vgpu_fd;     /* -1: none; may be the same as stream_fd */
    int node;        /* -mem_pnode: xenopsd's claim on this one node worked; -1: none */
};

/* Changes neither @argv nor what it points to.  Options of no concern to us are passed over, as is
 * whatever is wrong; then `known` is false if too little is left. */
void emu_parse_args(int argc, char *const *argv, struct emu_args *args);

/* Why there is nothing for us to do but to supervise; NULL if there is. */
const char *emu_not_ours(const struct emu_args *args);

#endif
