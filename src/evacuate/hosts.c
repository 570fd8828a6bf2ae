/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosts of an evacuation: no VM is to be started there meanwhile, and what is said of that. */
#include "work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool disabled_earlier(const struct evac *e, const char *uuid)
{
    for (uint32_t i = 0; i < e->nr_disabled; i++) {
        if (!strcmp(e->disabled[i], uuid)) {
            return true;
        }
    }
    return false;
}

static int disable(struct evac *e, uint32_t i, uint32_t h, struct exclaim_error *err)
{
    const struct exclaim_pool_host *host = &e->pool->host[h];
    const char *name = exclaim_pool_host_name(e->pool, h);
    bool enabled;

    if (exclaim_xapi_enabled(e->xapi, host->ref, &enabled, err)) {
        return exclaim_error_wrap(err, "host %s", name);
    }
    if (!enabled) {
        e->door[i] = disabled_earlier(e, e->host[i]) ? EVAC_DOOR_EARLIER : EVAC_DOOR_WAS;
        return 0;
    }
    if (e->opt.keep_enabled) {
        e->door[i] = EVAC_DOOR_KEPT;
        evac_note(e, "%s stays enabled: VMs may be started there meanwhile", name);
        return 0;
    }
    /* Told first, as a move is: a run that dies in the call has left the host disabled. */
    evac_tell(e, &(struct evac_event){ .kind = EVAC_EVENT_DISABLE, .to = h });
    if (e->events_lost) {
        return 0;
    }
    if (exclaim_xapi_enable(e->xapi, host->ref, false, err)) {
        return exclaim_error_wrap(err,
                                  "%s is not disabled, and nothing was moved "
                                  "(--keep-enabled moves all the same)",
                                  name);
    }
    e->door[i] = EVAC_DOOR_DISABLED;
    evac_note(e, "%s is disabled, and stays so: XAPI starts no VM there", name);
    return 0;
}

int evac_disable_hosts(struct evac *e, struct exclaim_error *err)
{
    e->door = calloc(e->nr_hosts + 1, sizeof(*e->door));
    if (!e->door) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "hosts");
    }
    for (uint32_t i = 0; i < e->nr_hosts; i++) {
        uint32_t h = exclaim_pool_find_host(e->pool, e->host[i]);

        /* XAPI forwards the call to the host itself: one that is not live cannot take it. */
        if (h != EXCLAIM_NO_HOST && !e->pool->host[h].dead && disable(e, i, h, err)) {
            return -1;
        }
    }
    return 0;
}

bool evac_host_text(const struct evac *e, uint32_t i, char *text, size_t size)
{
    uint32_t h = exclaim_pool_find_host(e->pool, e->host[i]);
    const char *name = h == EXCLAIM_NO_HOST ? e->host[i] : exclaim_pool_host_name(e->pool, h);
    const char *who = "by this run";

    switch (e->door ? e->door[i] : EVAC_DOOR_UNKNOWN) {
    case EVAC_DOOR_KEPT:
        snprintf(text, size, "host %s stayed enabled, as asked: VMs may have been started there",
                 name);
        return true;
    case EVAC_DOOR_WAS:
        snprintf(text, size, "host %s was disabled already, and is left so", name);
        return true;
    case EVAC_DOOR_EARLIER:
        who = "by the run that this one goes on with";
        break;
    case EVAC_DOOR_DISABLED:
        break;
    case EVAC_DOOR_UNKNOWN:
        return false;
    }
    if (h != EXCLAIM_NO_HOST && e->looked && e->pool->host[h].enabled) {
        snprintf(text, size, "host %s was disabled %s, and somebody has enabled it since", name,
                 who);
    } else {
        /* In front, where a terminal's end does not part the command. */
        snprintf(text, size,
                 "xe host-enable uuid=%s enables host %s, which was disabled %s and is still",
                 e->host[i], name, who);
    }
    return true;
}

const char *evac_door_name(enum evac_door door)
{
    switch (door) {
    case EVAC_DOOR_DISABLED:
        return "disabled";
    case EVAC_DOOR_EARLIER:
        return "disabled-earlier";
    case EVAC_DOOR_WAS:
        return "was-disabled";
    case EVAC_DOOR_KEPT:
        return "kept-enabled";
    case EVAC_DOOR_UNKNOWN:
        break;
    }
    return "unknown";
}
