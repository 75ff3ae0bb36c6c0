/* Stands between an unmodified program and the C library (ld.so(8), LD_PRELOAD): writes down what it
 * does to the files under one folder and what it sends, and can end it by SIGKILL at the n-th call
 * of a kind. See preload.py for the environment and for the records.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

struct record {
    uint32_t kind, path_bytes;
    int64_t offset;
    uint64_t data_bytes;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *under = "", *reads = "";
static const char *kill_of = "";
static long kill_at = -1;
static atomic_long calls;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("FOOTPRINT_FAULT_LOG"), *at = getenv("FOOTPRINT_FAULT_KILL_AT");
    if (getenv("FOOTPRINT_FAULT_UNDER")) under = getenv("FOOTPRINT_FAULT_UNDER");
    if (getenv("FOOTPRINT_FAULT_READS")) reads = getenv("FOOTPRINT_FAULT_READS");
    if (at) kill_at = atol(at);
    if (getenv("FOOTPRINT_FAULT_KILL_OF")) kill_of = getenv("FOOTPRINT_FAULT_KILL_OF");
    if (log) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
        log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
        syscall(SYS_close, fd);
    }
}

static void note(char kind, const char *path, int64_t offset, const void *data, uint64_t bytes) {
    struct record head = {(uint32_t)kind, (uint32_t)strlen(path), offset, bytes};
    struct iovec parts[3] = {
        {&head, sizeof head}, {(void *)path, head.path_bytes}, {(void *)data, bytes}};
    int kept = errno;
    if (log_fd >= 0) syscall(SYS_writev, log_fd, parts, 3);
    errno = kept;
}

/* The moments at which the program can be ended: before and after every call that counts. */
static void moment(const char *name) {
    if (kill_at >= 0 && strcmp(name, kill_of) == 0 && atomic_fetch_add(&calls, 1) == kill_at) {
        note('K', name, 0, "", 0);
        syscall(SYS_kill, getpid(), SIGKILL);
    }
}

static int starts(const char *path, const char *with) {
    return *with && strncmp(path, with, strlen(with)) == 0;
}

/* The file behind a descriptor, where it lies under the folder. */
static int ours(int fd, char *path) {
    char link[40];
    int kept = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = readlink(link, path, 4095);
    errno = kept;
    path[bytes > 0 ? bytes : 0] = 0;
    return fd != log_fd && starts(path, under);
}

static void absolute(const char *name, char *path) {
    char folder[2048] = "";
    if (*name != '/' && getcwd(folder, sizeof folder)) strcat(folder, "/");
    else folder[0] = 0;
    snprintf(path, 4096, "%s%s", folder, name);
}

static int opened(int (*how)(const char *, int, ...), const char *name, int flags, mode_t mode) {
    char path[4096];
    absolute(name, path);
    if (!starts(path, under) || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE)
        return how(name, flags, mode);
    pthread_mutex_lock(&turn);
    int was = faccessat(AT_FDCWD, path, F_OK, 0) == 0;
    int fd = how(name, flags, mode);
    if (fd >= 0 && !was) note('C', path, 0, "", 0);
    else if (fd >= 0 && (flags & O_TRUNC)) note('T', path, 0, "", 0);
    pthread_mutex_unlock(&turn);
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return opened(real, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define CHANGE(name, result, kind, call, offset, data, bytes) \
    char path[4096]; \
    REAL(name); \
    if (!ours(fd, path)) return call; \
    moment(#name); \
    pthread_mutex_lock(&turn); \
    result done = call; \
    if (done >= 0) note(kind, path, offset, data, bytes); \
    pthread_mutex_unlock(&turn); \
    moment(#name); \
    return done

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    CHANGE(pwrite, ssize_t, 'W', real(fd, data, size, at), at, data, (uint64_t)done);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    CHANGE(pwrite64, ssize_t, 'W', real(fd, data, size, at), at, data, (uint64_t)done);
}
ssize_t write(int fd, const void *data, size_t size) {
    CHANGE(write, ssize_t, 'W', real(fd, data, size), lseek(fd, 0, SEEK_CUR) - done, data,
           (uint64_t)done);
}
int fsync(int fd) { CHANGE(fsync, int, 'S', real(fd), 0, "", 0); }
int fdatasync(int fd) { CHANGE(fdatasync, int, 'S', real(fd), 0, "", 0); }
int ftruncate(int fd, off_t size) { CHANGE(ftruncate, int, 'T', real(fd, size), size, "", 0); }
int ftruncate64(int fd, off64_t size) { CHANGE(ftruncate64, int, 'T', real(fd, size), size, "", 0); }

int rename(const char *from, const char *to) {
    char path[4096], other[4096];
    REAL(rename);
    absolute(from, path);
    absolute(to, other);
    if (!starts(path, under)) return real(from, to);
    moment("rename");
    pthread_mutex_lock(&turn);
    int done = real(from, to);
    if (done == 0) note('R', path, 0, other, strlen(other));
    pthread_mutex_unlock(&turn);
    moment("rename");
    return done;
}

int unlink(const char *name) {
    char path[4096];
    REAL(unlink);
    absolute(name, path);
    if (!starts(path, under)) return real(name);
    moment("unlink");
    pthread_mutex_lock(&turn);
    int done = real(name);
    if (done == 0) note('U', path, 0, "", 0);
    pthread_mutex_unlock(&turn);
    moment("unlink");
    return done;
}

/* What is sent is seen by others from the moment of the call on: it is noted before. */
static void sent(int fd, const void *data, size_t size) {
    char name[24];
    snprintf(name, sizeof name, "%d", fd);
    moment("send");
    pthread_mutex_lock(&turn);
    note('N', name, 0, data, size);
    pthread_mutex_unlock(&turn);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(send);
    sent(fd, data, size);
    ssize_t done = real(fd, data, size, flags);
    moment("send");
    return done;
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    REAL(recv);
    ssize_t done = real(fd, data, size, flags);
    if (done > 0) moment("receive");
    return done;
}

#define READ(name, call) \
    char path[4096]; \
    REAL(name); \
    ssize_t done = call; \
    if (*reads && done > 0) { \
        ours(fd, path); \
        if (starts(path, reads)) moment("counter"); \
    } \
    return done

ssize_t read(int fd, void *data, size_t size) { READ(read, real(fd, data, size)); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { READ(pread, real(fd, data, size, at)); }
ssize_t pread64(int fd, void *data, size_t size, off64_t at) {
    READ(pread64, real(fd, data, size, at));
}
