/* SPDX-License-Identifier: BSD-2-Clause */
/* libxl's helper's arguments, and its own file about a domain. */
#include <exclaim/libxl.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <exclaim/uuid.h>

#include "../base/jread.h"
#include "../base/output.h"

#define JSON_MAX ((size_t)1 << 20)

static bool number(const char *text, uint32_t *value)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    *value = (uint32_t)v;
    return end != text && !*end && v <= UINT32_MAX;
}

/*
 * --save-domain    <stream fd> <receive fd>   <domid> <flags> <callback flags> <stream type>
 * --restore-domain <stream fd> <send back fd> <domid> <store port> <store domid> <console port>
 *                  <console domid> <callback flags> <stream type>
 */
void exclaim_libxl_parse_args(int argc, char *const *argv, struct exclaim_libxl_args *args)
{
    uint32_t fd = 0;

    memset(args, 0, sizeof(*args));
    args->restores = argc > 1 && !strcmp(argv[1], "--restore-domain");
    args->stream_fd = argc > 2 && number(argv[2], &fd) && fd <= INT32_MAX ? (int)fd : -1;
    if (argc == 8 && !strcmp(argv[1], "--save-domain")) {
        args->save = true;
        args->known = number(argv[5], &args->flags) && number(argv[7], &args->stream_type);
    } else if (argc == 11 && args->restores) {
        args->known = number(argv[10], &args->stream_type);
    }
    args->known = argc > 4 && number(argv[4], &args->domid) && args->known && args->stream_fd >= 0;
}

/* Of a domain's configuration, which has some kilobytes. */
static int read_json(const char *path, json_object **value)
{
    int fd = exclaim_open_read(path, NULL);
    char *text = malloc(JSON_MAX);
    size_t len = 0;
    ssize_t r = 1;
    int rc = -1;

    while (fd >= 0 && text && len < JSON_MAX && r) {
        r = read(fd, text + len, JSON_MAX - len);
        if (r < 0) {
            break;
        }
        len += (size_t)r;
    }
    /* libxl writes the end of its C string, too: libxl__set_domain_configuration(). */
    while (len && !text[len - 1]) {
        len--;
    }
    if (fd >= 0 && text && !r) {
        rc = jread_parse(text, len, value, NULL);
    }
    free(text);
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

enum exclaim_soft_affinity exclaim_libxl_soft_affinity(const char *dir, uint32_t domid,
                                                       const uint8_t uuid[EXCLAIM_UUID_BYTES])
{
    static const char *const users[] = { "vcpu_soft_affinity", "cpumap" };
    char text[EXCLAIM_UUID_TEXT], path[512];
    enum exclaim_soft_affinity soft = EXCLAIM_SOFT_UNKNOWN;
    json_object *config, *b_info, *value;

    exclaim_uuid_format(uuid, text);
    if (snprintf(path, sizeof(path), "%s/userdata-d.%" PRIu32 ".%s.libxl-json", dir, domid, text) >=
        (int)sizeof(path)) {
        return soft;
    }
    if (read_json(path, &config)) {
        return soft;
    }
    if (json_object_object_get_ex(config, "b_info", &b_info)) {
        soft = EXCLAIM_SOFT_AUTOMATIC;
        for (unsigned int i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
            if (json_object_object_get_ex(b_info, users[i], &value) &&
                json_object_get_type(value) == json_type_array && json_object_array_length(value)) {
                soft = EXCLAIM_SOFT_USER;
            }
        }
    }
    json_object_put(config);
    return soft;
}
