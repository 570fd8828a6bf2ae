/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool of XAPI hosts over JSON-RPC: one session, its snapshot, and live migrations as tasks.
 *
 * Every function blocks, but for no longer than the options' timeouts allow, and ends early with
 * SYSTEM/EINTR once options.stop says so.  Nothing that the server says is trusted: answers have a
 * limit, numbers are checked, an answer that is not whole is an error.  XAPI's own errors become
 * one line "CODE: param, param"; HOST_NOT_ENOUGH_FREE_MEMORY is NOFIT, all others are SYSTEM.  Not
 * for several threads at once.
 */
#ifndef EXCLAIM_XAPI_H
#define EXCLAIM_XAPI_H

#include <exclaim/pool.h>

/* A reference ("OpaqueRef:" and a uuid) with its terminating zero.  Longer ones are refused. */
#define EXCLAIM_XAPI_REF 64

/* Calls on the socket are root's without a password (xen-api, ocaml/xapi/context.ml). */
#define EXCLAIM_XAPI_SOCKET      "/var/lib/xcp/xapi"
#define EXCLAIM_XAPI_POOL_BUNDLE "/etc/stunnel/xapi-pool-ca-bundle.pem"

struct exclaim_xapi;

struct exclaim_xapi_options {
    /* "/path" of a socket, or "HOST[:PORT]", with or without https:// in front; NULL = the local
     * socket.  Plain HTTP is not offered. */
    const char *server;
    const char *user;     /* NULL = root */
    const char *password; /* NULL = none, which only the local socket accepts */
    /*
     * A file of certificates; the host name must match as usual.  NULL = the pool's own bundle:
     * its certificates name host uuids, so the chain is checked, the server name sent is `pool`,
     * and the host name is not compared.  `bundle` is a copy of it elsewhere, NULL = where it is on
     * a host of the pool, EXCLAIM_XAPI_POOL_BUNDLE.
     */
    const char *cacert;
    const char *bundle;

    uint32_t connect_ms;   /* 0 = 10 s */
    uint32_t total_ms;     /* of one call; 0 = 120 s */
    uint32_t idle_s;       /* so long without a byte of an answer; 0 = 60 s */
    uint64_t answer_bytes; /* of one answer; 0 = 256 MiB */

    /* NULL, or what is being done: @done of @total. */
    void (*progress)(void *arg, const char *what, uint32_t done, uint32_t total);
    /* NULL, or true when everything should end: looked at after every signal and every second. */
    bool (*stop)(void *arg);
    void *arg;
};

/*
 * The password for a server that is not the local socket: the first line of @file, which nobody
 * but its owner may read; without a file the environment's EXCLAIM_XAPI_PASSWORD; else asked on the
 * terminal without echo.  USAGE: none of these, or longer than @size allows.  The caller wipes it.
 */
#define EXCLAIM_XAPI_PASSWORD_ENV "EXCLAIM_XAPI_PASSWORD"
int exclaim_xapi_password(const char *file, char *password, size_t size, struct exclaim_error *err);

/*
 * Logs in; HOST_IS_SLAVE is followed to the coordinator, whose address must have a certificate of
 * the same kind.  The texts of @opt are copied, the password is wiped when the session is closed.
 * USAGE: no such server text, a password is missing.
 */
int exclaim_xapi_open(const struct exclaim_xapi_options *opt, struct exclaim_xapi **xapi,
                      struct exclaim_error *err);

/* Logs out, for at most five seconds and whatever stop says, and frees.  NULL is fine.  Tasks that
 * run go on: XAPI does not end them with the session. */
void exclaim_xapi_close(struct exclaim_xapi *xapi);

/* The server that is spoken to, for people; after a redirect the coordinator. */
const char *exclaim_xapi_server(const struct exclaim_xapi *xapi);

/*
 * The whole pool: XAPI's database, and the part of every live host from its plugin `exclaim`
 * (function `snapshot`), asked in parallel.  A host whose plugin is missing or fails is in the pool
 * with the database's numbers, guarantee `none` and `why`; so are its VMs, exact false.  A host
 * that is not live is in it disabled and without memory.  An error means that there is no pool at
 * all.
 */
int exclaim_xapi_snapshot(struct exclaim_xapi *xapi, struct exclaim_pool *pool,
                          struct exclaim_error *err);

/*
 * Asks XAPI again which VMs run on host @host, and the host for its part, and puts its numbers, and
 * those of the VMs that run there now, in place of the old ones: what is known before a move must
 * be new.  VMs that @pool does not know are left out (their memory is gone from what is free).  A
 * VM of @host that is not there any more gets EXCLAIM_NO_HOST, until its new host is refreshed; one
 * that has come and that the host does not tell of yet is not counted.
 */
int exclaim_xapi_refresh(struct exclaim_xapi *xapi, struct exclaim_pool *pool, uint32_t host,
                         struct exclaim_error *err);

/*
 * How many VMs XAPI has resident on the host, whatever their state and whatever a plugin says, but
 * for control domains; and the name and state of the first.
 */
int exclaim_xapi_residents(struct exclaim_xapi *xapi, const char *host_ref, uint32_t *nr,
                           char *first, size_t size, struct exclaim_error *err);

/*
 * Tells the destination where a VM should come to lie: part[].src_node on part[].dst_node, for
 * @seconds, through its plugin (function `note`).  Nothing is held there.  An error costs nothing
 * either: a plugin that does not know this, or none.
 */
int exclaim_xapi_note(struct exclaim_xapi *xapi, const char *host_ref, const char *vm_uuid,
                      const struct exclaim_part *part, uint32_t nr_parts, uint32_t seconds,
                      struct exclaim_error *err);

/*
 * What each host of the pool says of itself: the answer of its plugin `exclaim`, function `check`,
 * asked in parallel.  @each gets one host at a time; @answer is what the plugin said, not looked
 * at, or NULL with the reason in @err.
 */
typedef void exclaim_xapi_check_fn(void *arg, const char *name, const char *uuid,
                                   const char *answer, const struct exclaim_error *err);
int exclaim_xapi_check(struct exclaim_xapi *xapi, exclaim_xapi_check_fn *each, void *arg,
                       struct exclaim_error *err);

/*
 * A host's own switch against new VMs (host.disable, host.enable).  XAPI keeps it off until
 * somebody enables the host, its XAPI restarts or it boots (xen-api, ocaml/xapi/xapi_host.ml and
 * xapi_host_helpers.ml); a host that is off already it leaves as it is.  With HA it refuses where
 * the restart plan would not survive.
 */
int exclaim_xapi_enable(struct exclaim_xapi *xapi, const char *host_ref, bool enable,
                        struct exclaim_error *err);

/* Whether that switch is on, by the database and not by what else keeps VMs from the host. */
int exclaim_xapi_enabled(struct exclaim_xapi *xapi, const char *host_ref, bool *enabled,
                         struct exclaim_error *err);

enum exclaim_xapi_task_state {
    EXCLAIM_TASK_NONE = 0, /* no task */
    EXCLAIM_TASK_PENDING,  /* also while it is being cancelled */
    EXCLAIM_TASK_SUCCESS,
    EXCLAIM_TASK_FAILURE,   /* `error` says why */
    EXCLAIM_TASK_CANCELLED, /* the VM stays where it was */
    EXCLAIM_TASK_GONE,      /* XAPI does not know it any more: look where the VM is */
};

struct exclaim_xapi_task {
    char ref[EXCLAIM_XAPI_REF];
    enum exclaim_xapi_task_state state;
    uint32_t permille;          /* XAPI's progress, 0 to 1000 */
    char code[64];              /* FAILURE: XAPI's code */
    struct exclaim_error error; /* FAILURE, CANCELLED, GONE: one line */
};

/*
 * Starts VM.pool_migrate of the VM to the host, live, and fills @task (PENDING).  On error @task
 * is NONE and nothing has begun, with XAPI's code if it was XAPI that refused; or it is GONE,
 * without a reference: the answer was lost, the migration may have begun, and exclaim_xapi_vm()
 * tells.
 */
int exclaim_xapi_migrate(struct exclaim_xapi *xapi, const char *vm_ref, const char *host_ref,
                         struct exclaim_xapi_task *task, struct exclaim_error *err);

/*
 * Waits until the state or progress of any PENDING one among the @nr tasks changes, or @timeout_ms
 * (1 to 60000) is over; *changed says how many did, 0 after a timeout.  Tasks that are not PENDING
 * are not looked at.  Nothing is lost by an error: the same call can be made again.
 */
#define EXCLAIM_XAPI_TASKS 1024u
int exclaim_xapi_wait(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task, uint32_t nr,
                      uint32_t timeout_ms, uint32_t *changed, struct exclaim_error *err);

/* Asks XAPI to give a task up; it is not over before exclaim_xapi_wait() says so, and may still
 * succeed.  SYSTEM with code TASK... in the text if it cannot be cancelled. */
int exclaim_xapi_cancel(struct exclaim_xapi *xapi, const struct exclaim_xapi_task *task,
                        struct exclaim_error *err);

/*
 * The migration, whoever began it, of the VM of that uuid or name: its task and the VM's reference.
 * USAGE: no VM of that name is migrated, or several are.
 */
int exclaim_xapi_migrating(struct exclaim_xapi *xapi, const char *name,
                           struct exclaim_xapi_task *task, char vm_ref[EXCLAIM_XAPI_REF],
                           struct exclaim_error *err);

/* Removes a task that is not PENDING from XAPI's table; failures do not matter.  @task becomes
 * NONE. */
void exclaim_xapi_forget(struct exclaim_xapi *xapi, struct exclaim_xapi_task *task);

/*
 * Where a VM is now, and the task of a pool_migrate that somebody runs on it, if any: what is asked
 * before a move, after a lost answer, and to resume.
 */
struct exclaim_xapi_vm {
    bool running;                       /* or paused */
    char state[16];                     /* as XAPI names it: "Running", "Halted", ... */
    char host_ref[EXCLAIM_XAPI_REF];    /* "" = nowhere */
    struct exclaim_xapi_task migrating; /* NONE, or PENDING with its ref */
};

int exclaim_xapi_vm(struct exclaim_xapi *xapi, const char *vm_ref, struct exclaim_xapi_vm *vm,
                    struct exclaim_error *err);

#endif
