/* Faults of a disk, injected below every library: LD_PRELOAD=disk_faults.so.

A seccomp filter stops each system call that changes a disk, wherever it comes from (Python, C,
Rust), and the handler of that signal counts, records, performs, changes or refuses the call.
Wrappers of libc functions would miss calls that libraries make without libc.

Variables of the environment; tests/support/disk_faults.py sets them:

DISK_FAULTS_FOLDER  calls for other folders are performed and not counted; empty: inactive
DISK_FAULTS_LOG     file that receives the records (struct record)
DISK_FAULTS_KINDS   bits of the kinds that are counted
DISK_FAULTS_AT      number of the counted call at which the fault occurs, from 1; 0: never
DISK_FAULTS_ACTION  enum action
DISK_FAULTS_ERROR   errno of the fault

Linux on x86-64 only. Writes through memory maps are not seen. Child processes that are started
with exec run without faults. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#if !defined(__x86_64__) || !defined(__linux__)
#error "Linux on x86-64 only"
#endif

enum kind {
    OPEN, READ_OPEN, WRITE, TRUNCATE, RENAME, UNLINK, MKDIR, RMDIR, LINK, SYMLINK, SYNC, READ
};
enum action { KILL, CUT, FAIL, FAIL_FROM, SHORT, SHORT_FROM, FULL };

struct record {
    uint32_t kind;
    uint32_t injected; /* 1: the fault occurred at this call */
    int64_t result;    /* of the call, -errno for an error */
    uint64_t inode;    /* of the file that is changed or synced, 0 if unknown */
    int64_t offset;    /* WRITE: where; TRUNCATE: size; OPEN: 1 created, 2 truncated */
    uint32_t path, other; /* lengths of two paths, which follow */
    uint64_t data;        /* length of what was written, which follows */
};

/* Every call of this library has this as its sixth argument, which the filter lets through. */
#define PASS 0x6b7a51f0

static char folder[PATH_MAX];
static size_t folder_length;
static int log_file = -1;
static unsigned counted_kinds;
static long fault_at, counted;
static enum action action;
static int error_number;
static volatile int lock;

static long call(long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = PASS;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Paths */

static void number_text(char *to, long number) {
    char digits[24];
    int length = 0;
    do digits[length++] = '0' + number % 10;
    while (number /= 10);
    while (length) *to++ = digits[--length];
    *to = 0;
}

static int path_of_descriptor(int descriptor, char *path) {
    char link[40] = "/proc/self/fd/";
    if (descriptor < 0) return 0;
    number_text(link + 14, descriptor);
    long length = call(SYS_readlink, (long)link, (long)path, PATH_MAX - 1, 0, 0);
    if (length <= 0) return 0;
    path[length] = 0;
    return 1;
}

/* The absolute path of a name, whose folder is resolved and whose last part is not. */
static int path_of_name(int at, const char *name, char *path) {
    static char parent[PATH_MAX];
    size_t length = strnlen(name, PATH_MAX);
    if (!length || length >= PATH_MAX) return 0;
    memcpy(parent, name, length + 1);
    while (length > 1 && parent[length - 1] == '/') parent[--length] = 0;
    char *slash = strrchr(parent, '/');
    const char *last = slash ? slash + 1 : parent;
    char base[NAME_MAX + 1];
    if (strlen(last) > NAME_MAX) return 0;
    strcpy(base, last);
    if (!slash) strcpy(parent, ".");
    else if (slash == parent) parent[1] = 0;
    else *slash = 0;
    long found = call(SYS_openat, at, (long)parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
    if (found < 0) return 0;
    int known = path_of_descriptor(found, path);
    call(SYS_close, found, 0, 0, 0, 0);
    if (!known || strlen(path) + strlen(base) + 2 > PATH_MAX) return 0;
    if (path[1]) strcat(path, "/");
    strcat(path, base);
    return 1;
}

static int is_inside(const char *path) {
    return folder_length && !strncmp(path, folder, folder_length)
        && (path[folder_length] == '/' || !path[folder_length] || path[folder_length] == ' ');
}

static uint64_t inode_of_name(const char *path, int follow) {
    struct stat status;
    long flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
    if (call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&status, flags, 0)) return 0;
    return status.st_ino;
}

static uint64_t inode_of_descriptor(int descriptor) {
    struct stat status;
    return call(SYS_fstat, descriptor, (long)&status, 0, 0, 0) ? 0 : status.st_ino;
}

/* One call */

struct disk_call {
    enum kind kind;
    long number, arguments[5];
    const char *path, *other;
    int descriptor;         /* of a file that is open, or -1 */
    uint64_t inode;
    int64_t offset;
    const struct iovec *parts; /* WRITE */
    long part_count;
};

static void write_log(const struct disk_call *this, long result, int injected) {
    static char empty[1];
    const char *path = this->path ? this->path : empty, *other = this->other ? this->other : empty;
    struct record record = {
        this->kind, injected, result, this->inode, this->offset, strlen(path), strlen(other), 0};
    if (this->kind == WRITE && result > 0) record.data = result;
    if (log_file < 0) return;
    call(SYS_write, log_file, (long)&record, sizeof record, 0, 0);
    call(SYS_write, log_file, (long)path, record.path, 0, 0);
    call(SYS_write, log_file, (long)other, record.other, 0, 0);
    uint64_t left = record.data;
    for (long part = 0; part < this->part_count && left; part++) {
        uint64_t length = this->parts[part].iov_len < left ? this->parts[part].iov_len : left;
        call(SYS_write, log_file, (long)this->parts[part].iov_base, length, 0, 0);
        left -= length;
    }
}

static long perform(struct disk_call *this) {
    const long *a = this->arguments;
    return call(this->number, a[0], a[1], a[2], a[3], a[4]);
}

/* Writes the first half of the data, at least a byte. */
static long perform_half(struct disk_call *this) {
    long position = this->number == SYS_pwrite64 || this->number == SYS_pwritev;
    for (long part = 0; part < this->part_count; part++) {
        size_t length = this->parts[part].iov_len;
        if (!length) continue;
        void *data = this->parts[part].iov_base;
        length = (length + 1) / 2;
        return position
            ? call(SYS_pwrite64, this->descriptor, (long)data, length, this->arguments[3], 0)
            : call(SYS_write, this->descriptor, (long)data, length, 0, 0);
    }
    return perform(this);
}

static long with_fault(struct disk_call *this) {
    int injected = 0;
    long result;
    if (counted_kinds & 1u << this->kind) {
        counted++;
        int lasts = action == FAIL_FROM || action == SHORT_FROM || action == FULL;
        injected = fault_at && (counted == fault_at || (counted > fault_at && lasts));
    }
    if (!injected) {
        result = perform(this);
    } else if (action == KILL || action == CUT) {
        if (action == CUT && this->kind == WRITE) write_log(this, perform_half(this), 1);
        call(SYS_kill, call(SYS_getpid, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0);
        for (;;) call(SYS_pause, 0, 0, 0, 0, 0);
    } else if (action == FAIL || action == FAIL_FROM
               || (action == FULL && (counted > fault_at || this->kind != WRITE))) {
        result = -error_number;
    } else {
        result = this->kind == WRITE ? perform_half(this) : perform(this);
    }
    if ((this->kind == OPEN || this->kind == MKDIR || this->kind == SYMLINK) && result >= 0)
        this->inode = this->kind == OPEN ? inode_of_descriptor(result)
                                         : inode_of_name(this->path, 0);
    write_log(this, result, injected);
    return result;
}

static char first_path[PATH_MAX], second_path[PATH_MAX];

static long on_names(struct disk_call *this, int at, const char *name, int other_at,
                     const char *other) {
    int known = path_of_name(at, name, first_path);
    if (other) known |= path_of_name(other_at, other, second_path) << 1;
    if (!((known & 1 && is_inside(first_path)) || (known & 2 && is_inside(second_path))))
        return perform(this);
    this->path = known & 1 ? first_path : 0;
    this->other = known & 2 ? second_path : 0;
    if (!this->inode && this->path) this->inode = inode_of_name(first_path, 0);
    return with_fault(this);
}

static long on_descriptor(struct disk_call *this) {
    if (!path_of_descriptor(this->descriptor, first_path) || !is_inside(first_path))
        return perform(this);
    this->path = first_path;
    this->inode = inode_of_descriptor(this->descriptor);
    return with_fault(this);
}

static long on_open(struct disk_call *this, int at, const char *name, long flags) {
    int writes = flags & (O_ACCMODE | O_CREAT | O_TRUNC);
    this->kind = writes ? OPEN : READ_OPEN;
    if (!path_of_name(at, name, first_path) || !is_inside(first_path)) return perform(this);
    if (writes) {
        /* The target of a symbolic link is opened, not the link. */
        long found = call(SYS_openat, AT_FDCWD, (long)first_path, O_PATH | O_CLOEXEC, 0, 0);
        if (found >= 0) {
            path_of_descriptor(found, first_path);
            call(SYS_close, found, 0, 0, 0, 0);
        }
        this->offset = found < 0 ? 1 : flags & O_TRUNC ? 2 : 0;
    }
    this->path = first_path;
    return with_fault(this);
}

static int64_t position_of(int descriptor) {
    long flags = call(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0);
    struct stat status;
    if (flags >= 0 && flags & O_APPEND)
        return call(SYS_fstat, descriptor, (long)&status, 0, 0, 0) ? 0 : status.st_size;
    return call(SYS_lseek, descriptor, 0, SEEK_CUR, 0, 0);
}

static long handle(long number, const long *a) {
    struct disk_call this = {0};
    struct iovec whole = {(void *)a[1], (size_t)a[2]};
    this.number = number;
    memcpy(this.arguments, a, sizeof this.arguments);
    this.descriptor = -1;
    switch (number) {
    case SYS_open: return on_open(&this, AT_FDCWD, (char *)a[0], a[1]);
    case SYS_creat: return on_open(&this, AT_FDCWD, (char *)a[0], O_CREAT | O_WRONLY | O_TRUNC);
    case SYS_openat: return on_open(&this, a[0], (char *)a[1], a[2]);
    case SYS_write: case SYS_pwrite64: case SYS_writev: case SYS_pwritev:
        this.kind = WRITE;
        this.descriptor = a[0];
        int is_list = number == SYS_writev || number == SYS_pwritev;
        this.parts = is_list ? (struct iovec *)a[1] : &whole;
        this.part_count = is_list ? a[2] : 1;
        this.offset = number == SYS_pwrite64 || number == SYS_pwritev ? a[3] : position_of(a[0]);
        return on_descriptor(&this);
    case SYS_ftruncate:
        this.kind = TRUNCATE; this.descriptor = a[0]; this.offset = a[1];
        return on_descriptor(&this);
    case SYS_truncate:
        this.kind = TRUNCATE; this.offset = a[1];
        return on_names(&this, AT_FDCWD, (char *)a[0], 0, 0);
    case SYS_rename:
        this.kind = RENAME;
        return on_names(&this, AT_FDCWD, (char *)a[0], AT_FDCWD, (char *)a[1]);
    case SYS_renameat: case SYS_renameat2:
        this.kind = RENAME;
        return on_names(&this, a[0], (char *)a[1], a[2], (char *)a[3]);
    case SYS_unlink: this.kind = UNLINK; return on_names(&this, AT_FDCWD, (char *)a[0], 0, 0);
    case SYS_rmdir: this.kind = RMDIR; return on_names(&this, AT_FDCWD, (char *)a[0], 0, 0);
    case SYS_unlinkat:
        this.kind = a[2] & AT_REMOVEDIR ? RMDIR : UNLINK;
        return on_names(&this, a[0], (char *)a[1], 0, 0);
    case SYS_mkdir: this.kind = MKDIR; return on_names(&this, AT_FDCWD, (char *)a[0], 0, 0);
    case SYS_mkdirat: this.kind = MKDIR; return on_names(&this, a[0], (char *)a[1], 0, 0);
    case SYS_link:
        this.kind = LINK;
        return on_names(&this, AT_FDCWD, (char *)a[0], AT_FDCWD, (char *)a[1]);
    case SYS_linkat:
        this.kind = LINK;
        return on_names(&this, a[0], (char *)a[1], a[2], (char *)a[3]);
    case SYS_symlink: case SYS_symlinkat: {
        int is_at = number == SYS_symlinkat;
        this.kind = SYMLINK;
        /* The target is recorded as it is written. */
        if (!path_of_name(is_at ? a[1] : AT_FDCWD, (char *)a[is_at ? 2 : 1], first_path)
            || !is_inside(first_path)) return perform(&this);
        this.path = first_path;
        this.other = (char *)a[0];
        return with_fault(&this);
    }
    case SYS_fsync: case SYS_fdatasync:
        this.kind = SYNC; this.descriptor = a[0];
        return on_descriptor(&this);
    case SYS_read: case SYS_pread64: case SYS_readv: case SYS_preadv:
        this.kind = READ; this.descriptor = a[0];
        return on_descriptor(&this);
    case SYS_sendfile:
        /* The caller then writes the data itself, where it is seen. */
        return path_of_descriptor(a[0], first_path) && is_inside(first_path) ? -EINVAL
                                                                            : perform(&this);
    case SYS_copy_file_range: return -EXDEV;
    default: return -ENOSYS; /* fallocate, pwritev2, openat2: callers use another call */
    }
}

static void on_trap(int signal_number, siginfo_t *info, void *context) {
    (void)signal_number;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long arguments[6] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                         registers[REG_R10], registers[REG_R8], registers[REG_R9]};
    while (__sync_lock_test_and_set(&lock, 1)) call(SYS_sched_yield, 0, 0, 0, 0, 0);
    registers[REG_RAX] = handle(info->si_syscall, arguments);
    __sync_lock_release(&lock);
}

/* The filter */

static const int trapped[] = {
    SYS_write, SYS_pwrite64, SYS_writev, SYS_pwritev, SYS_ftruncate, SYS_truncate, SYS_rename,
    SYS_renameat, SYS_renameat2, SYS_unlink, SYS_unlinkat, SYS_rmdir, SYS_mkdir, SYS_mkdirat,
    SYS_link, SYS_linkat, SYS_symlink, SYS_symlinkat, SYS_fsync, SYS_fdatasync, SYS_sendfile,
    SYS_creat,
};
static const int reads[] = {SYS_read, SYS_pread64, SYS_readv, SYS_preadv};
static const int refused[] = {SYS_copy_file_range, SYS_fallocate, SYS_pwritev2, SYS_openat2};
#define COUNT(list) (sizeof list / sizeof *list)

static int install_filter(void) {
    struct sock_filter program[96];
    int length = 0, opens;
#define LOAD(field) \
    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value)
#define JUMP(how, value, yes, no) (struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, value, yes, no)
    unsigned changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    int opens_to_read = counted_kinds >> READ_OPEN & 1;
    /* Where reading is not counted, it takes no time. */
    int counts_reads = counted_kinds >> READ & 1;
    int numbers[COUNT(trapped) + COUNT(reads)], count = COUNT(trapped);
    memcpy(numbers, trapped, sizeof trapped);
    memcpy(numbers + count, reads, sizeof reads);
    if (counts_reads) count += COUNT(reads);
    program[length++] = LOAD(arch);
    program[length++] = JUMP(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
    program[length++] = RETURN(SECCOMP_RET_ALLOW);
    program[length++] = LOAD(nr);
    for (unsigned each = 0; each < COUNT(refused); each++) {
        program[length++] = JUMP(BPF_JEQ, refused[each], 0, 1);
        program[length++] = RETURN(SECCOMP_RET_TRAP);
    }
    for (opens = 0; opens < 2; opens++) {
        /* ld.so opens libraries for reading before this library exists in a new program. */
        program[length++] = JUMP(BPF_JEQ, opens ? SYS_openat : SYS_open, 0, 4);
        program[length++] = opens ? LOAD(args[2]) : LOAD(args[1]);
        program[length++] = opens_to_read ? JUMP(BPF_JGE, 0, 1, 0) : JUMP(BPF_JSET, changes, 1, 0);
        program[length++] = RETURN(SECCOMP_RET_ALLOW);
        program[length++] = JUMP(BPF_JA, (1 - opens) * 5 + 1 + count, 0, 0);
    }
    for (int each = 0; each < count; each++)
        program[length++] = JUMP(BPF_JEQ, numbers[each], count - each, 0);
    program[length++] = RETURN(SECCOMP_RET_ALLOW);
    program[length++] = LOAD(args[5]);
    program[length++] = JUMP(BPF_JEQ, PASS, 0, 1);
    program[length++] = RETURN(SECCOMP_RET_ALLOW);
    program[length++] = RETURN(SECCOMP_RET_TRAP);
    struct sock_fprog whole = {length, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0);
}

static long number_from(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

/* Starts the faults that the environment describes; returns 0, or -1 if that is impossible. */
int disk_faults_start(void) {
    const char *name = getenv("DISK_FAULTS_FOLDER"), *log_name = getenv("DISK_FAULTS_LOG");
    if (!name) return -1;
    strncpy(folder, name, sizeof folder - 1);
    folder_length = strlen(folder);
    counted_kinds = number_from("DISK_FAULTS_KINDS");
    fault_at = number_from("DISK_FAULTS_AT");
    action = number_from("DISK_FAULTS_ACTION");
    error_number = number_from("DISK_FAULTS_ERROR");
    if (log_name && *log_name) {
        long opened = call(SYS_openat, AT_FDCWD, (long)log_name,
                           O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600, 0);
        log_file = opened < 0 ? -1 : call(SYS_fcntl, opened, F_DUPFD_CLOEXEC, 700, 0, 0);
        call(SYS_close, opened, 0, 0, 0, 0);
        if (log_file < 0) return -1;
    }
    struct sigaction how = {0};
    how.sa_sigaction = on_trap;
    how.sa_flags = SA_SIGINFO;
    sigfillset(&how.sa_mask);
    if (sigaction(SIGSYS, &how, 0)) return -1;
    /* Programs that this process starts inherit the filter and need the handler, no faults. */
    setenv("DISK_FAULTS_FOLDER", "", 1);
    setenv("DISK_FAULTS_LOG", "", 1);
    return install_filter();
}

__attribute__((constructor)) static void start_if_wanted(void) {
    if (getenv("DISK_FAULTS_FOLDER") && disk_faults_start()) _Exit(99);
}
