/* SPDX-License-Identifier: BSD-2-Clause */
/* What a server is called on a command line, and how that is reached. */
#include "client.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HTTPS_PORT "443"

static int bad(struct exclaim_error *err, const char *server)
{
    return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0,
                        "\"%.100s\" is no server: /PATH of a socket, or HOST[:PORT], perhaps with "
                        "https:// in front",
                        server);
}

static bool good_host(const char *host)
{
    for (const char *p = host; *p; p++) {
        if (!isalnum((unsigned char)*p) && !strchr(".-_:%", *p)) {
            return false;
        }
    }
    return *host != '\0' && *host != '-';
}

/* "host", "host:port", "[v6]", "[v6]:port", or a bare v6 address as XAPI gives it. */
static bool parse_address(const char *text, struct endpoint *to)
{
    const char *end = text + strlen(text), *host = text, *port = NULL;
    const char *first = strchr(text, ':');

    if (*text == '[') {
        end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':')) {
            return false;
        }
        host = text + 1;
        port = end[1] ? end + 2 : NULL;
    } else if (first && !strchr(first + 1, ':')) {
        end = first;
        port = first + 1;
    }
    if ((size_t)(end - host) >= sizeof(to->host) ||
        (port && (strlen(port) > 5 || strspn(port, "0123456789") != strlen(port) || !*port))) {
        return false;
    }
    snprintf(to->host, sizeof(to->host), "%.*s", (int)(end - host), host);
    snprintf(to->port, sizeof(to->port), "%s", port ? port : HTTPS_PORT);
    snprintf(to->text, sizeof(to->text), strchr(to->host, ':') ? "[%s]:%s" : "%s:%s", to->host,
             to->port);
    return good_host(to->host);
}

int endpoint_parse(const struct exclaim_xapi_options *opt, struct endpoint *to,
                   struct exclaim_error *err)
{
    const char *server = opt->server ? opt->server : EXCLAIM_XAPI_SOCKET;
    const char *cacert = opt->cacert   ? opt->cacert
                         : opt->bundle ? opt->bundle
                                       : EXCLAIM_XAPI_POOL_BUNDLE;
    char address[300];
    size_t len;

    *to = (struct endpoint){ .by_pool = !opt->cacert };
    if (*server == '/') {
        if (strlen(server) >= sizeof(to->socket)) {
            return bad(err, server);
        }
        snprintf(to->socket, sizeof(to->socket), "%s", server);
        snprintf(to->text, sizeof(to->text), "%s", server);
        return 0;
    }
    if (strlen(cacert) >= sizeof(to->cacert)) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "cacert \"%.40s...\" is too long", cacert);
    }
    snprintf(to->cacert, sizeof(to->cacert), "%s", cacert);
    len = !strncmp(server, "https://", 8) ? 8 : 0;
    snprintf(address, sizeof(address), "%s", server + len);
    len = strlen(address);
    if (len && address[len - 1] == '/') {
        address[len - 1] = '\0';
    }
    return parse_address(address, to) ? 0 : bad(err, server);
}

int endpoint_redirect(const struct endpoint *from, const char *address, struct endpoint *to,
                      struct exclaim_error *err)
{
    *to = *from;
    if (from->socket[0] || !parse_address(address, to)) {
        return exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                            "%s: the coordinator is said to be at \"%.60s\"", from->text, address);
    }
    /* A member tells an address, not a port. */
    if (!strcmp(to->port, HTTPS_PORT) && strcmp(from->port, HTTPS_PORT) != 0) {
        snprintf(to->port, sizeof(to->port), "%s", from->port);
        snprintf(to->text, sizeof(to->text), strchr(to->host, ':') ? "[%s]:%s" : "%s:%s", to->host,
                 to->port);
    }
    return 0;
}
