/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets up, runs and takes down a whole migration between two model hosts. */
#include "scene.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reserve/ledger.h"
#include "wire.h"

#define PATIENCE_MS 120000

void scene_init(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    s->pages[0] = 200;
    s->pages[1] = 100;
    s->live = true;
    s->way = CHANNEL_UNIX;
    s->generation = MODEL_4_17;
}

static const char *const guest_uuid =
    "\x6b\x1f\x44\x02\x93\x5e\x4d\x10\xa7\xc3\x58\x21\x0e\x9d\x77\x34";

static void add_domain(struct model *m, uint32_t domid, bool pv, bool temporary, uint64_t max)
{
    struct model_domain_config config = { .hvm = !pv, .nr_vcpus = 2 };

    memcpy(config.uuid, guest_uuid, sizeof(config.uuid));
    if (temporary) {
        memcpy(config.vm_uuid, guest_uuid, sizeof(config.vm_uuid));
        memset(config.uuid + 10, 0, 6);
        config.uuid[15] = 1;
    }
    assert_int_equal(model_create(m, domid, &config), 0);
    assert_int_equal(model_set_max(m, domid, max), 0);
}

static const char *manager_of(const struct peer *p)
{
    return p->manager ? p->manager : program("FAKE_MANAGER_BIN");
}

static void set_up_host(struct scene *s, struct peer *p, bool source, bool destination)
{
    struct model_config config = { .generation = s->generation,
                                   .nr_nodes = 2,
                                   .node = { { .pages = NODE_SIZE }, { .pages = NODE_SIZE } } };
    struct model *m;
    int lock;

    if (source || !s->one_host) {
        assert_int_equal(host_create(p->model, &config), 0);
    }
    m = host_lock(p->model, &lock);
    assert_non_null(m);
    if (source) {
        add_domain(m, SRC_DOMID, s->pv, false, s->pages[0] + s->pages[1] + 20);
        for (uint32_t n = 0; n < 2; n++) {
            long got = model_populate(m, SRC_DOMID, s->pages[n], 0, MODEL_MEMF_EXACT_NODE(n));

            assert_int_equal(got, s->pages[n]);
        }
        model_unpause(m, SRC_DOMID);
    }
    if (destination) {
        add_domain(m, DST_DOMID, s->pv, s->temporary_uuid, s->pages[0] + s->pages[1] + 20);
    }
    host_unlock(p->model, m, lock);
}

static void set_up_peer(struct scene *s, struct peer *p, const char *name)
{
    char path[128], text[1024];

    snprintf(p->dir, sizeof(p->dir), "%s/%s", s->dir, name);
    assert_int_equal(mkdir(p->dir, 0755), 0);
    if (!p->model[0]) {
        snprintf(p->model, sizeof(p->model), "%s/%s.model", s->dir, s->one_host ? "one" : name);
    }
    snprintf(path, sizeof(path), "%s/conf", p->dir);
    snprintf(text, sizeof(text),
             "emu_manager = %s\nlock_dir = %s/%s-lock\nreport_file = %s/reports\n"
             "place_object =\nheadroom_pages = 0\nstray_pages = 0\npeek_timeout_ms = 20000\n%s\n",
             manager_of(p), s->dir, s->one_host ? "one" : name, p->dir, p->conf ? p->conf : "");
    put_text(path, text);
    p->out = mmap(NULL, sizeof(*p->out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p->out, MAP_FAILED);
}

static void set_up_again(struct scene *s)
{
    struct model *m;
    int lock;

    if (!s->src.out || !s->dst.out) {
        fail_msg("nothing to do again");
        return;
    }
    memset(s->src.out, 0, sizeof(*s->src.out));
    memset(s->dst.out, 0, sizeof(*s->dst.out));
    m = host_lock(s->dst.model, &lock);
    assert_non_null(m);
    assert_int_equal(model_destroy(m, DST_DOMID), 0);
    add_domain(m, DST_DOMID, s->pv, s->temporary_uuid, s->pages[0] + s->pages[1] + 20);
    host_unlock(s->dst.model, m, lock);
}

/* The process of one side; @other is the end of the stream that is not its own. */
static pid_t start_side(struct scene *s, struct peer *p, int stream, int other, int vgpu)
{
    static char conf[160], model[160], dir[160], spec[160], guest[300], state[160], fault[64];
    const char *env[14] = {
        "PATH=/sbin:/usr/sbin:/bin:/usr/bin", conf, model, dir, spec, guest, state
    };
    const bool restore = p == &s->dst;
    struct xenopsd x = {
        .restore = restore,
        .program = p->aware ? program("EMU_MANAGER_BIN") : manager_of(p),
        .env = env,
        .extra = p->extra,
        .domid = restore ? DST_DOMID : SRC_DOMID,
        .live = !restore && s->live,
        .compress = !restore && s->compress,
        .pv = s->pv,
        .xenguest_late = s->vgpu_first,
        .mem_pnode = p->mem_pnode,
        .stream = stream,
        .vgpu = vgpu,
        .hold = other,
        .patience_ms = s->patience_ms,
        .files = p->files,
        .space = p->space,
        .at = p->at,
        .arg = s,
        .out = p->out,
    };
    pid_t pid;

    snprintf(conf, sizeof(conf), "EXCLAIM_CONF=%s/conf", p->dir);
    snprintf(model, sizeof(model), "EXCLAIM_MODEL=%s", p->model);
    snprintf(dir, sizeof(dir), "FAKE_DIR=%s", p->dir);
    snprintf(state, sizeof(state), "EXCLAIM_STATE_DIR=%s", p->dir);
    snprintf(spec, sizeof(spec), "FAKE_SPEC=%s", p->spec ? p->spec : "");
    snprintf(guest, sizeof(guest), "FAKE_XENGUEST=%s", program("FAKE_XENGUEST_BIN"));
    if (p->fault) {
        snprintf(fault, sizeof(fault), "EXCLAIM_FAULT=%s", p->fault);
        env[7] = fault;
    }
    for (unsigned int i = 0; i < 5 && p->lack[i]; i++) {
        env[(p->fault ? 8 : 7) + i] = p->lack[i];
    }
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        xenopsd_run(&x);
    }
    return pid;
}

static void wait_side(const struct peer *p, pid_t pid)
{
    const int64_t begin = wire_now();

    while (waitpid(pid, NULL, WNOHANG) != pid) {
        if (wire_now() - begin > PATIENCE_MS) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            snprintf(p->out->why, sizeof(p->out->why), "killed by the test");
            return;
        }
        poll(NULL, 0, 2);
    }
}

/* The bytes' way, with its accidents. */
static _Noreturn void carry(const struct road *road, int in, int out)
{
    static uint8_t buf[65536];
    size_t at = 0;

    alarm(PATIENCE_MS / 1000);
    for (;;) {
        size_t size = at < road->dribble ? 1 : sizeof(buf);
        ssize_t r;

        if (road->cut > at && size > road->cut - at) {
            size = road->cut - at;
        }
        if (road->hold > at && size > road->hold - at) {
            size = road->hold - at;
        }
        if (road->flip > at && size > road->flip - at) {
            size = road->flip - at;
        }
        if (road->hold && at >= road->hold) {
            struct pollfd p[2] = { { .fd = out, .events = POLLRDHUP },
                                   { .fd = in, .events = POLLRDHUP } };

            poll(p, 2, -1);
            _exit(0);
        }
        if (road->cut && at >= road->cut) {
            _exit(0);
        }
        r = read(in, buf, road->flip && at == road->flip ? 1 : size);
        if (r <= 0) {
            _exit(0);
        }
        if (road->flip && at == road->flip) {
            buf[0] ^= 0xff;
        }
        if (wire_write(out, buf, (size_t)r)) {
            _exit(0);
        }
        at += (size_t)r;
    }
}

static pid_t pave(struct scene *s, int fd[2])
{
    static const struct road even;
    int near[2], far[2];
    pid_t pid;

    if (!memcmp(&s->road, &even, sizeof(even))) {
        channel_open(s->way, fd);
        return 0;
    }
    channel_open(s->way, near);
    channel_open(s->way, far);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        close(near[1]);
        close(far[0]);
        carry(&s->road, near[0], far[1]);
    }
    close(near[0]);
    close(far[1]);
    fd[0] = far[0];
    fd[1] = near[1];
    return pid;
}

static void run_file(struct scene *s)
{
    char path[80];
    int fd;

    snprintf(path, sizeof(path), "%s/image", s->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    wait_side(&s->src, start_side(s, &s->src, fd, -1, s->vgpu ? fd : -1));
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    wait_side(&s->dst, start_side(s, &s->dst, fd, -1, -1));
    close(fd);
    s->stream = get_file(path, &s->stream_len);
}

void scene_run(struct scene *s)
{
    int fd[2], vgpu[2] = { -1, -1 };
    pid_t src, dst, road;

    if (s->again) {
        set_up_again(s);
    } else {
        make_dir(s->dir);
        set_up_peer(s, &s->src, "src");
        set_up_peer(s, &s->dst, "dst");
        set_up_host(s, &s->src, true, false);
        set_up_host(s, &s->dst, false, true);
    }
    if (s->prepare) {
        s->prepare(s);
    }
    if (s->way == VIA_FILE) {
        run_file(s);
        return;
    }
    road = pave(s, fd);
    if (s->vgpu) {
        channel_open(CHANNEL_UNIX, vgpu);
    }
    src = start_side(s, &s->src, fd[1], fd[0], vgpu[1]);
    close(fd[1]);
    close(vgpu[1]);
    dst = start_side(s, &s->dst, fd[0], -1, vgpu[0]);
    close(fd[0]);
    close(vgpu[0]);
    wait_side(&s->dst, dst);
    wait_side(&s->src, src);
    if (road) {
        waitpid(road, NULL, 0);
    }
}

void scene_end(struct scene *s)
{
    munmap(s->src.out, sizeof(*s->src.out));
    munmap(s->dst.out, sizeof(*s->dst.out));
    free(s->stream);
    drop_dir(s->dir);
}

static bool is_ours(const char *line)
{
    return !strncmp(line, "info:exclaim", 12);
}

static void join(const struct peer *p, bool ours, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < p->out->nr && at < size; i++) {
        if (is_ours(p->out->line[i]) == ours) {
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " | " : "", p->out->line[i]);
        }
    }
}

void scene_lines(const struct peer *p, char *text, size_t size)
{
    join(p, false, text, size);
}

void scene_infos(const struct peer *p, char *text, size_t size)
{
    join(p, true, text, size);
}

char *scene_file(const struct peer *p, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", p->dir, name);
    return access(path, R_OK) ? strdup("") : get_file(path, NULL);
}

const char *scene_report(const struct peer *p, const char *key)
{
    static char value[600];
    char *text = scene_file(p, "reports"), *last = text;
    json_object *o, *v;

    for (char *at = text; *at; at++) {
        if (*at == '\n' && at[1]) {
            last = at + 1;
        }
    }
    o = json_tokener_parse(last);
    value[0] = '\0';
    if (o && json_object_object_get_ex(o, key, &v)) {
        snprintf(value, sizeof(value), "%s", json_object_get_string(v));
    }
    json_object_put(o);
    free(text);
    return value;
}

struct model_view scene_domain(const struct peer *p, uint32_t domid)
{
    struct model_view view;
    struct model *m;
    int lock;

    m = host_lock(p->model, &lock);
    assert_non_null(m);
    assert_null(model_crashed(m));
    model_view(m, domid, &view);
    host_unlock(p->model, m, lock);
    return view;
}

static const char *side(const struct peer *p)
{
    return strrchr(p->dir, '/') + 1;
}

void assert_outcome(const struct peer *p, enum outcome outcome)
{
    char text[4096];

    if (p->out->outcome != outcome) {
        char *why = scene_file(p, "failures"), *log = scene_file(p, "manager");

        join(p, false, text, sizeof(text));
        print_error("%s: outcome %d, not %d: %s\nlines: %s\nfailures: %s\nmanager: %s", side(p),
                    (int)p->out->outcome, (int)outcome, p->out->why, text, why, log);
        free(why);
        free(log);
        fail();
    }
}

void assert_migrated(const struct scene *s)
{
    struct model_view view = scene_domain(&s->dst, DST_DOMID);
    char *restored, want[64];

    assert_outcome(&s->src, OUTCOME_DONE);
    assert_outcome(&s->dst, OUTCOME_DONE);
    restored = scene_file(&s->dst, "restored");
    snprintf(want, sizeof(want), "%" PRIu64 " pages, ", s->pages[0] + s->pages[1]);
    if (strncmp(restored, want, strlen(want)) != 0) {
        fail_msg("restored: %s", restored);
    }
    free(restored);
    assert_int_equal(view.total, s->pages[0] + s->pages[1]);
}

void assert_clean(const struct scene *s)
{
    struct model_view view = scene_domain(&s->dst, DST_DOMID);
    struct exclaim_error err = { 0 };
    struct exclaim_ledger *ledger;
    char dir[100];

    assert_int_equal(view.outstanding, 0);
    snprintf(dir, sizeof(dir), "%s/%s-lock", s->dir, s->one_host ? "one" : "dst");
    if (access(dir, F_OK)) {
        return;
    }
    assert_int_equal(exclaim_ledger_open(dir, &ledger, &err), 0);
    assert_int_equal(exclaim_ledger_lock(ledger, 10000, &err), 0);
    exclaim_ledger_prune(ledger, NULL);
    for (uint32_t i = 0; i < EXCLAIM_LEDGER_SLOTS; i++) {
        assert_int_equal(atomic_load(&exclaim_ledger_at(ledger, i)->state), EXCLAIM_ENTRY_FREE);
    }
    exclaim_ledger_unlock(ledger);
    exclaim_ledger_close(ledger);
}

static void assert_same_side(const struct peer *with, const struct peer *without)
{
    char a[4096], b[4096];

    assert_outcome(with, without->out->outcome);
    scene_lines(with, a, sizeof(a));
    scene_lines(without, b, sizeof(b));
    assert_string_equal(a, b);
}

void scene_bare(const struct scene *s, struct scene *bare)
{
    *bare = *s;
    bare->src = (struct peer){
        .spec = s->src.spec, .mem_pnode = s->src.mem_pnode, .extra = s->src.extra, .at = s->src.at
    };
    bare->dst = (struct peer){
        .spec = s->dst.spec, .mem_pnode = s->dst.mem_pnode, .extra = s->dst.extra, .at = s->dst.at
    };
    bare->stream = NULL;
    scene_run(bare);
}

/* The stream as it is without the record, whose length is in its header. */
static void assert_same_stream(const struct scene *s, const struct scene *bare)
{
    const char *at = s->stream + LIBXC_AT;
    uint32_t more = 0;

    if (s->stream_len != bare->stream_len) {
        assert_memory_equal(s->stream, bare->stream, LIBXC_AT + 40);
        memcpy(&more, at + 44, sizeof(more));
        more = le32toh(more) + 8; /* a record that ends with the emulator's own headers */
        assert_true(LIBXC_AT + 40 + more < s->stream_len);
        at += more;
    }
    assert_int_equal(s->stream_len - more, bare->stream_len);
    assert_memory_equal(s->stream, bare->stream, LIBXC_AT);
    assert_memory_equal(at, bare->stream + LIBXC_AT, bare->stream_len - LIBXC_AT);
}

void assert_as_without_us(const struct scene *s)
{
    struct scene bare;
    char *a, *b;

    scene_bare(s, &bare);
    if (s->way == VIA_FILE) {
        assert_same_stream(s, &bare);
    }
    assert_same_side(&s->src, &bare.src);
    assert_same_side(&s->dst, &bare.dst);
    a = scene_file(&s->src, "argv");
    b = scene_file(&bare.src, "argv");
    assert_string_equal(a, b);
    free(a);
    free(b);
    a = scene_file(&s->dst, "argv");
    b = scene_file(&bare.dst, "argv");
    assert_string_equal(a, b);
    free(a);
    free(b);
    scene_end(&bare);
}
