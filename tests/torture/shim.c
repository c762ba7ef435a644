// Preloaded into a writer: makes the nth write or sync of a file below a folder go wrong.
//
//   SHIM_FOLDER  only files whose path begins with this count
//   SHIM_EXACT   when set, only the file with exactly this path
//   SHIM_CALL    write | sync
//   SHIM_NTH     which one, from 1
//   SHIM_BYTES   how many bytes of the write still happen
//   SHIM_THEN    kill   the process dies after those bytes
//                short  the write says how few they were; everything goes on
//                fail   the write says how few they were, the next one to this file gets EIO
//                eio    the sync fails with EIO
//                ever   so do all that follow
//                lose   the sync fails with EIO, and what it was to save is zeros: what Linux does
//                       to the pages of a disk that refused them
//   SHIM_SLOW    microseconds that every sync takes longer
//   SHIM_HIT     a file that is made once it has happened
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct { dev_t device; ino_t inode; off_t synced; } files[4096];
static int known, calls, failing = -1;

static ssize_t real_write(int fd, const void *bytes, size_t count) {
    return syscall(SYS_write, fd, bytes, count);
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static int counts(int fd) {
    const char *folder = setting("SHIM_FOLDER");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    size_t wanted = strlen(folder);
    if (*setting("SHIM_EXACT") && length != (ssize_t)wanted) return 0;
    return wanted && length >= (ssize_t)wanted && !memcmp(path, folder, wanted);
}

// The place where the length that is on disk is kept; made when the file is seen first.
static off_t *synced(int fd, struct stat *now) {
    if (fstat(fd, now)) return NULL;
    for (int i = 0; i < known; i++)
        if (files[i].device == now->st_dev && files[i].inode == now->st_ino) return &files[i].synced;
    if (known == 4096) return NULL;
    files[known].device = now->st_dev;
    files[known].inode = now->st_ino;
    files[known].synced = now->st_size;
    return &files[known++].synced;
}

static int is_turn(const char *call) {
    return !strcmp(setting("SHIM_CALL"), call) &&
           __sync_add_and_fetch(&calls, 1) == atoi(setting("SHIM_NTH"));
}

static void mark(void) {
    int fd = syscall(SYS_openat, AT_FDCWD, setting("SHIM_HIT"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    struct stat now;
    if (fd < 3 || !counts(fd)) return real_write(fd, bytes, count);
    synced(fd, &now);
    if (fd == failing) {
        failing = -1;
        errno = EIO;
        return -1;
    }
    if (!is_turn("write")) return real_write(fd, bytes, count);
    const char *then = setting("SHIM_THEN");
    size_t few = strtoul(setting("SHIM_BYTES"), NULL, 10);
    if (few >= count) few = count - 1;
    mark();
    if (!strcmp(then, "short") && few == 0) few = 1;
    ssize_t done = few ? real_write(fd, bytes, few) : 0;
    if (!strcmp(then, "kill")) {
        kill(getpid(), SIGKILL);
        pause();
    }
    if (!strcmp(then, "fail")) {
        if (few == 0) {
            errno = EIO;
            return -1;
        }
        failing = fd;
    }
    return done;
}

// Overwrites what was not synced; through a descriptor of its own, as one for appending only appends.
static void zero(int fd, off_t from, off_t to) {
    static const char zeros[65536];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = syscall(SYS_openat, AT_FDCWD, link, O_WRONLY | O_CLOEXEC);
    while (own >= 0 && from < to) {
        size_t count = to - from < (off_t)sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        ssize_t done = pwrite(own, zeros, count, from);
        if (done <= 0) break;
        from += done;
    }
    if (own >= 0) close(own);
}

static int sync_with(long number, int fd) {
    static int ever;
    struct stat now;
    if (!counts(fd)) return syscall(number, fd);
    usleep(atoi(setting("SHIM_SLOW")));
    off_t *place = synced(fd, &now);
    if (ever || is_turn("sync")) {
        const char *then = setting("SHIM_THEN");
        mark();
        ever |= !strcmp(then, "ever");
        if (!strcmp(then, "lose") && place && S_ISREG(now.st_mode)) zero(fd, *place, now.st_size);
        errno = EIO;
        return -1;
    }
    int result = syscall(number, fd);
    if (result == 0 && place) *place = now.st_size;
    return result;
}

int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_with(SYS_fsync, fd); }
