// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon as a service: see service.h.
 *
 * There are two locks. The file's holds for a daemon in another network namespace that shares /run,
 * and says which process has it; but the file can be removed. The socket's cannot. A message to the
 * service manager is one datagram. Beside each capability stands what needs it. Proofs run in a
 * child with the same rights; neither the daemon nor the child starts another program.
 */
#include "guard/daemon/service.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/privilege.h"

#define LOCK_FOLDER "/run/truesum"
#define NICE (-10)
#define LOCK_FILE LOCK_FOLDER "/guard.lock"

/* ---- One on a host ---- */

/* An abstract name: it has no file that somebody could remove. It belongs to this namespace. */
static const struct sockaddr_un lock_address = { .sun_family = AF_UNIX,
						 .sun_path = "\0truesum.guard" };
#define LOCK_ADDRESS_LEN (offsetof(struct sockaddr_un, sun_path) + sizeof("\0truesum.guard") - 1)

static pid_t read_pid(int fd)
{
	char text[24] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/*
 * The process that listens at the name, if it is root's: an ordinary user of this namespace may
 * take the name, too, and must not keep the daemon from starting. 0: none.
 */
static pid_t ask_socket(void)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&lock_address, LOCK_ADDRESS_LEN) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return 0;
	return peer.uid ? 0 : peer.pid;
}

static int lock_by_file(int *ret_fd)
{
	_cleanup_close_ int fd = -1;

	if (mkdir(LOCK_FOLDER, 0700) < 0 && errno != EEXIST)
		return privilege_fail(-errno, "cannot make " LOCK_FOLDER "");
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(-errno, "cannot open " LOCK_FILE);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? fail(-EBUSY, "another `truesum guard run` is at work (pid %d)",
				      (int)read_pid(fd))
			       : fail_errno(-errno, "cannot lock " LOCK_FILE);
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return fail_errno(-errno, "cannot write " LOCK_FILE);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* *ret_fd is -1 if somebody who is not root has the name. */
static int lock_by_socket(int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	pid_t other;

	if (fd < 0)
		return fail_errno(-errno, "cannot open a socket");
	if (!bind(fd, (const struct sockaddr *)&lock_address, LOCK_ADDRESS_LEN) &&
	    !listen(fd, 64)) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	if (errno != EADDRINUSE)
		return fail_errno(-errno, "cannot take the name @truesum.guard");
	other = ask_socket();
	if (other)
		return fail(-EBUSY, "another `truesum guard run` is at work (pid %d)", (int)other);
	*ret_fd = -1;
	return 0;
}

int service_lock(struct service_lock *ret_lock)
{
	struct service_lock lock = { -1, -1 };
	int rc = lock_by_file(&lock.file);

	rc = rc ? rc : lock_by_socket(&lock.socket);
	if (rc)
		service_unlock(&lock);
	else
		*ret_lock = lock;
	return rc;
}

void service_unlock(const struct service_lock *lock)
{
	cleanup_close(&lock->socket);
	cleanup_close(&lock->file);
}

static int on_caller(void *owner, uint32_t events)
{
	int fd = accept4(*(const int *)owner, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd >= 0)
		close(fd);
	return 0;
}

int service_answer(struct loop *loop, struct service_lock *lock, struct loop_source **ret_source)
{
	return lock->socket < 0 ? 0
				: loop_add_fd(loop, lock->socket, EPOLLIN, on_caller, &lock->socket,
					      ret_source);
}

pid_t service_pid(void)
{
	_cleanup_close_ int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		return ask_socket();
	return read_pid(fd);
}

/* ---- Least privilege ---- */

static const unsigned int capabilities[] = {
	CAP_NET_ADMIN, /* features, filters, numbers of namespaces, a proof's TAP device */
	CAP_SYS_ADMIN, /* setns() */
	CAP_NET_BROADCAST, /* events of other namespaces */
	CAP_NET_RAW, /* a proof's packet sockets, binding to devices */
	CAP_NET_BIND_SERVICE, /* a proof's sockets */
	CAP_SYS_PTRACE, /* /proc/PID/ns of any process */
	CAP_DAC_READ_SEARCH, /* /proc/PID/fd, and mounts in folders of others */
	CAP_DAC_OVERRIDE, /* sysctls in namespaces of other users, Docker's socket */
	PRIVILEGE_BPF, /* loading programs */
	PRIVILEGE_PERFMON, /* the tracepoint that shows a proof which packets are dropped */
	CAP_SYS_RESOURCE, /* memory of BPF programs, before Linux 5.11 */
};

/* By purpose. The C library chooses among several, so all of these are listed. */
static const char *const calls[] = {
	/* memory, time, the process itself */
	"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "futex", "exit",
	"exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
	"rt_sigtimedwait", "sigaltstack", "restart_syscall", "clock_gettime", "clock_nanosleep",
	"nanosleep", "gettimeofday", "time", "getpid", "gettid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "getrandom", "uname", "sysinfo", "getrlimit", "setrlimit", "prlimit64",
	"getrusage", "setpriority", "sched_yield", "sched_getaffinity", "sched_setaffinity",
	"getcpu", "prctl", "arch_prctl", "rseq", "set_robust_list", "set_tid_address", "capget",
	"capset", "membarrier",
	/* the child that proves; no other program is started */
	"clone", "clone3", "fork", "vfork", "wait4", "waitid", "kill", "tgkill", "tkill", "pipe",
	"pipe2", "pidfd_open", "pidfd_send_signal",
	/* files */
	"open", "openat", "openat2", "close", "close_range", "read", "pread64", "readv", "write",
	"pwrite64", "writev", "lseek", "_llseek", "stat", "fstat", "lstat", "stat64", "fstat64",
	"newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "readlink", "readlinkat",
	"getdents", "getdents64", "access", "faccessat", "faccessat2", "fcntl", "fcntl64", "dup",
	"dup2", "dup3", "flock", "fsync", "fdatasync", "fchmod", "ftruncate", "ftruncate64",
	"rename", "renameat", "renameat2", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
	"umask", "ioctl", "getcwd",
	/* a proof reads its device's settings from a sysfs of its own */
	"mount", "umount2",
	/* waiting */
	"poll", "ppoll", "select", "pselect6", "_newselect", "epoll_create", "epoll_create1",
	"epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create",
	"timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4", "inotify_init1",
	"inotify_add_watch", "inotify_rm_watch",
	/* the network */
	"socket", "socketpair", "bind", "connect", "listen", "accept", "accept4", "getsockname",
	"getpeername", "setsockopt", "getsockopt", "send", "recv", "sendto", "recvfrom", "sendmsg",
	"recvmsg", "sendmmsg", "recvmmsg", "shutdown", "setns", "unshare", "bpf", "perf_event_open"
};

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	if (!rc)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	/* A log and a binary search: useful, but not every libseccomp or kernel has them. */
	if (!rc) {
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	}
	for (size_t i = 0; !rc && i < ARRAY_SIZE(calls); i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);

		/* An architecture may lack some. */
		if (number != __NR_SCMP_ERROR && number >= 0)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	rc = rc ? rc : seccomp_load(filter);
	seccomp_release(filter);
	return rc ? fail_errno(rc, "cannot limit the system calls (seccomp)") : 0;
}

/* ---- The service manager ---- */

void service_notify(const char *format, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	char text[512];
	va_list args;
	socklen_t len;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(to.sun_path))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	memcpy(to.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (*path == '@')
		to.sun_path[0] = '\0';
	else
		len++;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
		       (const struct sockaddr *)&to, len);
}

/*
 * Half of the time that the service manager allows; 0: it does not watch, or watches another
 * process.
 */
static uint64_t watchdog_ns(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t value;

	if (!us || options_parse_number(us, 1, UINT64_MAX / 1000, &value) ||
	    (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	return value * 1000 / 2;
}

static int on_watchdog(void *owner)
{
	const struct service_watch *watch = owner;

	if (watch->is_well(watch->owner))
		service_notify("WATCHDOG=1");
	return 0;
}

/*
 * On a busy host a new container must not wait until the daemon's turn comes. The service file says
 * the same; without the right to it, it stays as it is.
 */
static void raise_priority(void)
{
	if (!getpriority(PRIO_PROCESS, 0))
		setpriority(PRIO_PROCESS, 0, NICE);
}

int service_start(struct loop *loop, const struct service_watch *watch,
		  struct loop_source **ret_watchdog)
{
	uint64_t every = watchdog_ns();
	int rc;

	raise_priority();
	rc = privilege_keep_only(capabilities, ARRAY_SIZE(capabilities));

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = fail_errno(-errno, "cannot forbid new privileges");
	rc = rc ? rc : filter_calls();
	if (!rc && every)
		rc = loop_add_timer(loop, every, every, on_watchdog, (void *)watch, ret_watchdog);
	return rc;
}
