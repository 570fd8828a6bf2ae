/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One migration on one side, as a toolstack's hook carries it out.
 *
 *   source:       exclaim_source_send(): count, record
 *   destination:  exclaim_dest_prepare(): peek, check, match, claim
 *                 (the emulator restores, with exclaim_dest_place_env() in its environment)
 *                 exclaim_dest_restored(): leftovers released, entry removed
 *                 exclaim_dest_verify(): counts read back
 *   both:         exclaim_session_report(), exclaim_session_close()
 *
 * Nothing here ends the process, and nothing fails a migration that policy `prefer` would let go
 * on: what went wrong is in the report's `why`.
 */
#ifndef EXCLAIM_SESSION_H
#define EXCLAIM_SESSION_H

#include <exclaim/config.h>
#include <exclaim/ledger.h>
#include <exclaim/report.h>

struct exclaim_session {
    struct exclaim_config config;
    bool policy_lost; /* it was strict and cannot be read any more: report.config_error says why */
    struct exclaim_report report;
    struct exclaim_hv *hv;
    struct exclaim_caps caps;
    struct exclaim_domain dom;
    struct exclaim_ledger *ledger;
    bool have_entry;
    uint32_t slot;
    /* What a hook knows from its toolstack; nothing unless it says so. */
    struct {
        bool type;           /* the guest's type is `hvm` */
        bool hvm;            /* HVM or PVH */
        bool soft_automatic; /* it lets no user choose a soft affinity */
        pid_t emulator;      /* started already; 0: we start it when all is prepared */
    } known;
    struct exclaim_claim_past past; /* of the domain's claims, as far as the toolstack says it */
    bool preloaded;                 /* known.emulator has loaded the placing object */
    bool watch;   /* there is a match to compare with when the emulator has ended */
    bool claimed; /* by us: leftovers are ours to release */
    struct {
        bool active;
        uint32_t node;        /* where pages go now */
        uint64_t base_pages;  /* the domain's before the restore */
        uint64_t saved_nodes; /* its node affinity then */
    } steer;                  /* placement by affinity */
    int place_fd;             /* the ledger for the restoring process, -1 if none */
    int64_t started_ms;
};

/* @hook names the program in reports.  Loads the configuration; wrong lines of it are reported
 * and left out, because a migration must not fail for them, unless the policy was strict and is
 * lost with them. */
void exclaim_session_init(struct exclaim_session *s, enum exclaim_role role, const char *hook,
                          uint32_t domid);

/* Milliseconds on a clock that only goes forward. */
int64_t exclaim_session_now(void);

/* The emulator starts: notes the time since the hook's own start. */
void exclaim_session_ready(struct exclaim_session *s);

/*
 * Source.  Counts the domain and writes headers and record to @fd.  @userdata_dir is where libxl
 * keeps its domains' configurations (LIBXL_USERDATA_DIR), NULL for another toolstack. Returns 0 if
 * the emulator should go on (with or without our record), -1 if the stream was left with a part of
 * the record and must not be used.
 */
int exclaim_source_send(struct exclaim_session *s, int fd, const char *userdata_dir);

/*
 * The same in two steps, for a hook that must not wait for either.  Counts; -1 if no record is to
 * be sent, for the reason in report.why.
 */
int exclaim_source_count(struct exclaim_session *s, const char *userdata_dir);

/*
 * Writes headers and record, in at most @timeout_ms (-1: as long as it takes) or until @cancel_fd
 * (or -1) is readable.  Whether @fd blocks is not touched: others share it.  Returns as
 * exclaim_source_send() does.
 */
int exclaim_source_write(struct exclaim_session *s, int fd, int timeout_ms, int cancel_fd);

/*
 * Destination.  Returns 0 if the emulator should be started, -1 if the policy refuses: then nothing
 * is claimed and report.error has the reason.  Once @cancel_fd (or -1) is readable nothing more is
 * waited for or claimed; what was, exclaim_dest_restored() gives back.
 */
int exclaim_dest_prepare(struct exclaim_session *s, int fd, int cancel_fd);

/* "<fd>:<slot>:<domid>" for EXCLAIM_PLACE of the restoring process; false if nothing is to be
 * placed. */
bool exclaim_dest_place_env(const struct exclaim_session *s, char *text, uint32_t size);

/* The emulator could not be started with what it needs, for want of memory or processes: gives back
 * what was prepared.  The outcome is REFUSED under `strict`, else the emulator may go on alone. */
void exclaim_dest_not_started(struct exclaim_session *s, const struct exclaim_error *why);

/* While the emulator runs, every few milliseconds: placement by affinity needs it. */
void exclaim_dest_tick(struct exclaim_session *s);

/* The emulator has ended: reads what was placed, releases leftovers, removes the ledger's entry.
 * @result is the emulator's own verdict; false only if it is known to have failed. */
void exclaim_dest_restored(struct exclaim_session *s, bool result);

/* Whether reading the counts is quick enough to let the guest wait for it. */
bool exclaim_dest_verify_is_quick(struct exclaim_session *s);
void exclaim_dest_verify(struct exclaim_session *s, bool paused);

/* Verifies and reports in a process of its own, with none of our descriptors, so that neither the
 * guest nor whoever reads from us has to wait. */
void exclaim_dest_verify_later(struct exclaim_session *s);

/* Appends the report line; failures go to syslog only. */
void exclaim_session_report(struct exclaim_session *s);
void exclaim_session_close(struct exclaim_session *s);

#endif
