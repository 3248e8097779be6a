// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Least privilege: see sandbox.h. What a row is needed for stands beside it. The proof runs in a child under
 * the same rules; neither ever starts another program.
 */
#include "guard/daemon/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/fail.h"

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

static const unsigned int kept[] = {
	CAP_NET_ADMIN, /* features, filters, namespaces' numbers, the proof's TAP device */
	CAP_SYS_ADMIN, /* setns() */
	CAP_NET_BROADCAST, /* events of other namespaces */
	CAP_NET_RAW, /* the proof's packet sockets, binding to devices */
	CAP_NET_BIND_SERVICE, /* the proof's sockets */
	CAP_SYS_PTRACE, /* /proc/PID/ns of any process */
	CAP_DAC_READ_SEARCH, /* /proc/PID/fd, and mounts in folders of others */
	CAP_DAC_OVERRIDE, /* sysctls in namespaces of other users, Docker's socket */
	CAP_BPF, /* loading programs */
	CAP_PERFMON, /* the tracepoint by which the proof sees drops */
	CAP_SYS_RESOURCE, /* memory of BPF programs, before Linux 5.11 */
};

static int drop_capabilities(void)
{
	capng_select_t what = CAPNG_SELECT_CAPS;
	bool had[ARRAY_SIZE(kept)];

	if (capng_get_caps_process() < 0)
		return fail(-EIO, "cannot read this process's capabilities");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	/* The bounding set can only be lowered by who has this one. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (had[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     kept[i]);
	if (capng_apply(what) < 0)
		return fail(-EPERM, "cannot give up capabilities");
	return 0;
}

/* By what they do; those that the C library chooses among stand together. */
static const char *const calls[] = {
	/* memory, time, the process itself */
	"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "futex", "exit",
	"exit_group", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
	"rt_sigtimedwait", "sigaltstack", "restart_syscall", "clock_gettime", "clock_nanosleep",
	"nanosleep", "gettimeofday", "time", "getpid", "gettid", "getppid", "getuid", "geteuid",
	"getgid", "getegid", "getrandom", "uname", "sysinfo", "getrlimit", "setrlimit", "prlimit64",
	"getrusage", "sched_yield", "sched_getaffinity", "sched_setaffinity", "getcpu", "prctl",
	"arch_prctl", "rseq", "set_robust_list", "set_tid_address", "capget", "capset",
	"membarrier",
	/* the proof's child; no other program */
	"clone", "clone3", "fork", "vfork", "wait4", "waitid", "kill", "tgkill", "tkill", "pipe",
	"pipe2",
	/* files */
	"open", "openat", "openat2", "close", "close_range", "read", "pread64", "readv", "write",
	"pwrite64", "writev", "lseek", "_llseek", "stat", "fstat", "lstat", "stat64", "fstat64",
	"newfstatat", "fstatat64", "statx", "statfs", "fstatfs", "readlink", "readlinkat",
	"getdents", "getdents64", "access", "faccessat", "faccessat2", "fcntl", "fcntl64", "dup",
	"dup2", "dup3", "flock", "fsync", "fdatasync", "fchmod", "ftruncate", "ftruncate64",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "umask",
	"ioctl", "getcwd",
	/* the proof sees its device's settings in a sysfs of its own */
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
	/* Nice to have, and not in every libseccomp or kernel: a log, a search in halves. */
	if (!rc) {
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	}
	for (size_t i = 0; !rc && i < ARRAY_SIZE(calls); i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);

		/* Not every architecture has them all. */
		if (number != __NR_SCMP_ERROR && number >= 0)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
	}
	rc = rc ? rc : seccomp_load(filter);
	seccomp_release(filter);
	return rc ? fail_errno(rc, "cannot limit the system calls (seccomp)") : 0;
}

int sandbox_enter(void)
{
	int rc = drop_capabilities();

	if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = fail_errno(-errno, "cannot forbid new privileges");
	return rc ? rc : filter_calls();
}
