/* SPDX-License-Identifier: BSD-2-Clause */
/* What several unit tests need: cmocka in its order, a reservation, programs to run, files. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <sys/types.h>

#include <exclaim/config.h>
#include <exclaim/reservation.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* --- samples --- */

/* A valid one with @nr_nodes uneven nodes and all fields set. */
void sample_reservation(struct exclaim_reservation *res, uint32_t nr_nodes);
void assert_reservation_equal(const struct exclaim_reservation *a,
                              const struct exclaim_reservation *b);

/* What tests/data/record-v1.bin holds. */
void golden_reservation(struct exclaim_reservation *res);

void assert_config_equal(const struct exclaim_config *a, const struct exclaim_config *b);

/* --- protobuf by hand, so that a test's bytes do not come from the code under test --- */

struct wire {
    uint8_t buf[80 * 1024];
    size_t len;
};

void wire_varint(struct wire *w, uint64_t value);
void wire_number(struct wire *w, uint32_t field, uint64_t value);
void wire_bytes(struct wire *w, uint32_t field, const void *data, size_t len);
void wire_packed(struct wire *w, uint32_t field, const uint64_t *values, size_t nr);

/* The fields without which a reservation is refused: schema, uuid, page size. */
void wire_minimum(struct wire *w);

/* Headers and record around @proto, written here byte by byte. */
size_t wire_stream(uint8_t *out, const void *proto, size_t len);

/* --- files --- */

/* A new directory, removed with all that is in it by drop_dir(). */
void make_dir(char dir[64]);
void drop_dir(const char *dir);
int drop_made(void **state); /* the last one; as a teardown */
void put_file(const char *path, const void *data, size_t len);
void put_text(const char *path, const char *text);

/* The whole file, zero terminated; free() it.  *len may be NULL. */
char *get_file(const char *path, size_t *len);

/* How many descriptors this process has open. */
unsigned int count_fds(void);

/* --- programs --- */

struct run {
    const char *const *argv;
    const char *const *env; /* "KEY=value" to set, up to NULL; or NULL */
    const void *input;      /* of stdin; NULL: nothing */
    size_t input_len;
    const char *out_path; /* where stdout goes instead of `out`; or NULL */
    int stream_fd;        /* inherited as descriptor 5; 0: none */

    int status;
    char *out, *err;
};

/* Runs to the end (killed by SIGALRM after a minute) and fills the last three. */
void run(struct run *r);
void run_free(struct run *r);
int run_exit(const struct run *r); /* exit code; 1000 + number for a signal */

/* Runs it, which must end with @exit, and returns what it printed; free() it. */
char *run_out(struct run *r, int exit);

unsigned int count_lines(const char *text);

/* One failing line for people: "exclaim...: text", nothing else. */
void assert_one_line(const char *text);

/* Path of a built program from the environment that CTest sets. */
const char *program(const char *env);

#endif
