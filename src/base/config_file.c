/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading exclaim.conf(5), without memory of its own and without trust in what stands in its place.
 */
#include <exclaim/config.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exclaim/log.h>

#include "strict_mark.h"

#define FILE_MAX 65536u

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    while (isspace((unsigned char)*text)) {
        text++;
    }
    return text;
}

/* What the lines so far say of the policy. */
struct seen {
    bool right, wrong; /* the last line with the key */
    bool unclear;      /* a line of no known key: it may have been meant as that one */
};

static bool known_key(const char *name)
{
    for (unsigned int i = 0; exclaim_config_key(i); i++) {
        if (!strcmp(name, exclaim_config_key(i))) {
            return true;
        }
    }
    return false;
}

static int load_line(struct exclaim_config *config, char *line, struct seen *seen,
                     struct exclaim_error *err)
{
    char *text = trim(line), *equals, *name;
    int rc;

    if (!*text || *text == '#') {
        return 0;
    }
    equals = strchr(text, '=');
    if (!equals) {
        seen->unclear = true;
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "\"%s\" is not \"key = value\"", text);
    }
    *equals = '\0';
    name = trim(text);
    rc = exclaim_config_set(config, name, trim(equals + 1), err);
    seen->unclear |= !known_key(name);
    if (!strcmp(name, "policy")) {
        seen->right = !rc;
        seen->wrong = rc;
    }
    return rc;
}

/* The whole file as lines; a byte order mark in front is none of the first key. */
static int load_text(struct exclaim_config *config, const char *path, char *text, size_t len,
                     struct seen *seen, struct exclaim_error *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    unsigned int number = 0;
    char *line = text, *end = text + len;
    int rc = 0;

    if (len >= 3 && !memcmp(text, mark, 3)) {
        line += 3;
    }
    /* One wrong line must not undo the others: a hook goes on with what could be read. */
    while (line < end) {
        char *next = memchr(line, '\n', (size_t)(end - line));

        next = next ? next : end;
        number++;
        *next = '\0';
        if (strlen(line) != (size_t)(next - line)) {
            seen->unclear = true;
            if (!rc) {
                rc = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s line %u: a zero byte", path,
                                  number);
            }
        } else if (load_line(config, line, seen, rc ? NULL : err) && !rc) {
            rc = exclaim_error_wrap(err, "%s line %u", path, number);
        }
        line = next + 1;
    }
    return rc;
}

/* Into @text of FILE_MAX + 1 bytes.  What stands there may be a pipe without a writer. */
static int read_file(const char *path, char *text, size_t *len, struct exclaim_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    ssize_t r = 0;

    *len = 0;
    if (fd < 0) {
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, errno, "open %s", path);
    }
    if (fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))) {
        close(fd);
        return exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s is no file", path);
    }
    while (*len <= FILE_MAX && (r = read(fd, text + *len, FILE_MAX + 1 - *len)) != 0) {
        if (r < 0 && errno != EINTR) {
            break;
        }
        *len += r > 0 ? (size_t)r : 0;
    }
    if (r < 0) {
        exclaim_fail(err, EXCLAIM_ERR_USAGE, errno, "read %s", path);
    } else if (*len > FILE_MAX) {
        r = exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s is longer than %u bytes", path, FILE_MAX);
    }
    close(fd);
    return r < 0 ? -1 : 0;
}

/* *@known: the policy is what the operator wrote, or left out of a file that could be read. */
static int load(struct exclaim_config *config, const char *path, bool must_exist, bool *known,
                struct exclaim_error *err)
{
    char text[FILE_MAX + 1];
    struct seen seen = { 0 };
    size_t len;
    int rc;

    exclaim_config_default(config);
    *known = false;
    if (!must_exist && access(path, F_OK) && errno == ENOENT) {
        return 0;
    }
    if (read_file(path, text, &len, err)) {
        return -1;
    }
    rc = load_text(config, path, text, len, &seen, err);
    *known = len && (seen.right || !(seen.wrong || seen.unclear));
    return rc;
}

static const char *file_path(bool *named)
{
    const char *path = getenv(EXCLAIM_CONFIG_ENV);

    *named = path;
    return path ? path : EXCLAIM_CONFIG_FILE;
}

int exclaim_config_load(struct exclaim_config *config, struct exclaim_error *err)
{
    bool named, known;
    const char *path = file_path(&named);

    return load(config, path, named, &known, err);
}

int exclaim_config_load_hook(struct exclaim_config *config, bool *lost, struct exclaim_error *err)
{
    bool named, known;
    const char *path = file_path(&named);
    int rc = load(config, path, named, &known, err);

    *lost = false;
    if (known) {
        const bool strict = config->policy == EXCLAIM_POLICY_STRICT;
        struct exclaim_error failed = { 0 };

        if (strict_mark_set(path, strict, &failed)) {
            exclaim_log(LOG_ERR, "%s", failed.text);
            rc = rc ? rc
                    : exclaim_fail(err, EXCLAIM_ERR_SYSTEM, 0,
                                   "should %s be lost, policy strict %s: %s", path,
                                   strict ? "is too" : "comes back", failed.text);
        }
    } else if (strict_mark(path)) {
        *lost = true;
        config->policy = EXCLAIM_POLICY_STRICT;
        if (!rc) {
            exclaim_fail(err, EXCLAIM_ERR_USAGE, 0, "%s is %s", path,
                         access(path, F_OK) ? "missing" : "empty");
        }
        rc = exclaim_error_wrap(err, "the policy was strict and cannot be read any more");
    }
    return rc;
}
