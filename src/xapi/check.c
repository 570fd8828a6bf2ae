/* SPDX-License-Identifier: BSD-2-Clause */
/* Every host's own word on whether it is ready, through its plugin `exclaim`. */
#include <errno.h>
#include <stdlib.h>

#include "client.h"
#include "database.h"

/* One host's answer; a host without a plugin has an error. */
static void see_host(const struct rpc *rpc, json_object *record, exclaim_xapi_check_fn *each,
                     void *arg)
{
    struct exclaim_error err = { 0 };
    const char *answer = NULL;

    if (rpc->failed) {
        plugin_fail(rpc, &err);
        exclaim_error_wrap(&err, "plugin exclaim");
    } else if (!json_object_is_type(rpc->result, json_type_string)) {
        exclaim_fail(&err, EXCLAIM_ERR_SYSTEM, 0, "plugin exclaim: the answer is no text");
    } else {
        answer = json_object_get_string(rpc->result);
    }
    each(arg, db_text(record, "name_label"), db_text(record, "uuid"), answer, &err);
}

int exclaim_xapi_check(struct exclaim_xapi *xapi, exclaim_xapi_check_fn *each, void *arg,
                       struct exclaim_error *err)
{
    struct rpc hosts = { .method = "host.get_all_records", .params = rpc_params(NULL, NULL) };
    struct rpc *rpc = NULL;
    uint32_t nr = 0, i = 0;
    int rc = -1;

    if (rpc_call(xapi, &hosts, err)) {
        goto out;
    }
    if (!json_object_is_type(hosts.result, json_type_object)) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0, "host.get_all_records: no map");
        goto out;
    }
    nr = (uint32_t)json_object_object_length(hosts.result);
    rpc = calloc(nr + 1, sizeof(*rpc));
    if (!rpc) {
        exclaim_fail(err, EXCLAIM_ERR_SYSTEM, ENOMEM, "asking %u hosts", nr);
        goto out;
    }
    json_object_object_foreach(hosts.result, ref, record)
    {
        (void)record;
        rpc[i] = (struct rpc){ .method = "host.call_plugin",
                               .params = rpc_params(ref, "exclaim", "check", NULL),
                               .patient = true };
        json_object_array_add(rpc[i++].params, json_object_new_object());
    }
    rpc_run(xapi, rpc, nr, "asking every host");
    i = 0;
    json_object_object_foreach(hosts.result, again, host)
    {
        (void)again;
        see_host(&rpc[i], host, each, arg);
        rpc_drop(&rpc[i++]);
    }
    rc = 0;

out:
    free(rpc);
    rpc_drop(&hosts);
    return rc;
}
