/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A model hypervisor (src/model) that several processes share: its state is in a file, every
 * call is done under a lock, and a process killed half-way leaves the state before it.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "model/model.h"

/* Names the file for exclaim_xen_open() of the programs built on the model. */
#define HOST_ENV "EXCLAIM_MODEL"

int host_create(const char *path, const struct model_config *config);

/* The model for one step; NULL if there is none.  Given back with host_unlock(), which keeps what
 * was changed. */
struct model *host_lock(const char *path, int *lock);
void host_unlock(const char *path, struct model *m, int lock);

/* src/xen as this process's client of it. */
int host_open(const char *path, struct exclaim_hv **hv, struct exclaim_error *err);

/* What a library over it opens: a port for model_lib(); NULL with errno. */
struct model_port *host_port(const char *path);

#endif
