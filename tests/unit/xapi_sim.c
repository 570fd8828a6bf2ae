/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts and stops the XAPI simulator with its certificate and faults, and opens a client to it. */
#include "xapi_sim.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void make_certificate(const struct sim *sim)
{
    const char *const argv[] = { "/usr/bin/env",
                                 "openssl",
                                 "req",
                                 "-x509",
                                 "-newkey",
                                 "rsa:2048",
                                 "-nodes",
                                 "-days",
                                 "2",
                                 "-subj",
                                 "/CN=9e4e2a6c-0000-4000-8000-000000000001",
                                 "-addext",
                                 "subjectAltName=IP:127.0.0.1,IP:127.0.0.2",
                                 "-keyout",
                                 sim->cert,
                                 "-out",
                                 NULL,
                                 NULL };
    const char *args[ARRAY_SIZE(argv)];
    char crt[128], *key, *text;
    struct run r = { .argv = args };
    size_t key_len, crt_len;

    memcpy(args, argv, sizeof(argv));
    snprintf(crt, sizeof(crt), "%s.crt", sim->cert);
    args[ARRAY_SIZE(args) - 2] = crt;
    run(&r);
    if (run_exit(&r)) {
        fail_msg("openssl: %s", r.err);
    }
    run_free(&r);
    key = get_file(sim->cert, &key_len);
    text = get_file(crt, &crt_len);
    key = realloc(key, key_len + crt_len);
    memcpy(key + key_len, text, crt_len);
    put_file(sim->cert, key, key_len + crt_len);
    free(key);
    free(text);
}

static pid_t spawn(const char *const argv[], int *input, int *output)
{
    int in[2], out[2];
    pid_t pid;

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    *input = in[1];
    *output = out[0];
    return pid;
}

void sim_start(struct sim *sim, const char *state, bool tls, const char *hook)
{
    char path[96], line[512];
    const char *argv[24] = { "python3", TEST_SIM "/run", "--state", path };
    json_object *ready, *port;
    size_t n = 4;
    int output;
    FILE *f;

    *sim = (struct sim){ 0 };
    make_dir(sim->dir);
    snprintf(path, sizeof(path), "%s/state", sim->dir);
    snprintf(sim->socket, sizeof(sim->socket), "%s/xapi", sim->dir);
    snprintf(sim->faults, sizeof(sim->faults), "%s/faults", sim->dir);
    snprintf(sim->cert, sizeof(sim->cert), "%s/pem", sim->dir);
    put_text(path, state);
    argv[n++] = "--socket";
    argv[n++] = sim->socket;
    argv[n++] = "--faults";
    argv[n++] = sim->faults;
    if (tls) {
        make_certificate(sim);
        argv[n++] = "--listen";
        argv[n++] = "127.0.0.1:0";
        argv[n++] = "--member";
        argv[n++] = "127.0.0.2:0";
        argv[n++] = "--cert";
        argv[n++] = sim->cert;
    }
    if (hook) {
        argv[n++] = "--hook";
        argv[n++] = hook;
    }
    sim->pid = spawn(argv, &sim->input, &output);
    f = fdopen(output, "r");
    assert_non_null(fgets(line, sizeof(line), f));
    fclose(f);
    ready = json_tokener_parse(line);
    assert_non_null(ready);
    if (json_object_object_get_ex(ready, "port", &port)) {
        snprintf(sim->server, sizeof(sim->server), "127.0.0.1:%d", json_object_get_int(port));
        snprintf(sim->member, sizeof(sim->member), "https://127.0.0.2:%d/",
                 json_object_get_int(port));
    }
    json_object_put(ready);
}

void sim_stop(struct sim *sim)
{
    int status;

    close(sim->input);
    waitpid(sim->pid, &status, 0);
    drop_dir(sim->dir);
}

void sim_faults(const struct sim *sim, const char *rules)
{
    char tmp[112];

    /* As a whole or not at all: it is read for every call. */
    snprintf(tmp, sizeof(tmp), "%s.new", sim->faults);
    put_text(tmp, rules);
    assert_int_equal(rename(tmp, sim->faults), 0);
}

struct exclaim_xapi_options sim_options(const struct sim *sim)
{
    return (struct exclaim_xapi_options){ .server = sim->socket };
}

struct exclaim_xapi *sim_open(const struct sim *sim)
{
    struct exclaim_xapi_options opt = sim_options(sim);
    struct exclaim_error err = { 0 };
    struct exclaim_xapi *xapi;

    if (exclaim_xapi_open(&opt, &xapi, &err)) {
        fail_msg("%s", err.text);
    }
    return xapi;
}
