// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sampling a path: see cost_sample.h.
 *
 * For the processor's time one pinned thread sends a chunk and then reads until nothing is left. Over veth the
 * kernel carries a packet into the receiving socket before send() returns, in the sender's context, so all of
 * the path's work is this thread's, and nothing is left to chance or to other processors. That time is the
 * thread's own clock, which leaves out when others had the processor. Kernels that account for interrupts
 * apart (CONFIG_IRQ_TIME_ACCOUNTING) leave the path's work out of that clock, too; there it is the time that
 * passed, without what the thread waited for a processor.
 */
#include "guard/cost/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/cost/stat.h"
#include "sum/csum.h"

#define SCHEDSTAT "/proc/thread-self/schedstat"
#define CHUNK 65536
#define DATAGRAMS 64 /* in a row */
#define WAIT_MS 5
#define PATIENCE_NS UINT64_C(1000000000)
#define APART                                                                                      \
	0.9 /* less of the passed time on the thread's clock: interrupts are accounted for apart */

#define SUM_LENGTH 1448 /* the payload of a TCP segment */
#define SUM_STRIDE 2048
#define SUM_SEGMENTS 128
#define SUM_ROUNDS 101

struct cost_sampler {
	cpu_set_t home;
	int cpu, other; /* processors; the same where there is one */
	int waited_fd; /* this thread's schedstat; -1: the kernel has none */
	uint64_t rounds, late;
	char chunk[CHUNK];
	char sink[2 * CHUNK];
};

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int cost_sampler_new(struct cost_sampler **ret_sampler)
{
	_cleanup_free_ struct cost_sampler *sampler = calloc(1, sizeof(*sampler));

	if (!sampler)
		return fail(-ENOMEM, "out of memory");
	memset(sampler->chunk, 0xa5, sizeof(sampler->chunk));
	if (sched_getaffinity(0, sizeof(sampler->home), &sampler->home) < 0)
		return fail_errno(-errno, "cannot read which processors this may use");
	sampler->cpu = sampler->other = sched_getcpu();
	for (int cpu = 0; cpu < CPU_SETSIZE && sampler->other == sampler->cpu; cpu++)
		if (cpu != sampler->cpu && CPU_ISSET(cpu, &sampler->home))
			sampler->other = cpu;
	sampler->waited_fd = open(SCHEDSTAT, O_RDONLY | O_CLOEXEC);
	pin(sampler->cpu);
	*ret_sampler = TAKE_PTR(sampler);
	return 0;
}

void cost_sampler_free(struct cost_sampler *sampler)
{
	if (!sampler)
		return;
	sched_setaffinity(0, sizeof(sampler->home), &sampler->home);
	cleanup_close(&sampler->waited_fd);
	free(sampler);
}

bool cost_sampler_has_two(const struct cost_sampler *sampler)
{
	return sampler->cpu != sampler->other;
}

double cost_sampler_elsewhere(const struct cost_sampler *sampler)
{
	return sampler->rounds ? (double)sampler->late / (double)sampler->rounds : 0;
}

/* ---- One thread ---- */

/* How long this thread has waited for a processor since it began. */
static bool read_waited(int fd, uint64_t *ret_ns)
{
	unsigned long long ran, waited;
	char text[96];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return false;
	text[len] = '\0';
	if (sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return false;
	*ret_ns = waited;
	return true;
}

struct moment {
	uint64_t passed, own, waited;
	bool knows_waited;
};

static struct moment now(int waited_fd)
{
	struct moment moment = { 0 };

	moment.knows_waited = read_waited(waited_fd, &moment.waited);
	moment.own = clock_ns_of(CLOCK_THREAD_CPUTIME_ID);
	moment.passed = clock_ns();
	return moment;
}

static double processor_time(const struct moment *from, const struct moment *to)
{
	double own = (double)(to->own - from->own);
	double had = (double)(to->passed - from->passed) - (double)(to->waited - from->waited);

	return from->knows_waited && own < APART * had ? had : own;
}

/* Sends without waiting, a chunk at most; returns whether anything was sent. */
static bool send_some(struct cost_sampler *sampler, const struct cost_site *site)
{
	int fd = cost_site_sender(site);
	size_t datagram = cost_site_datagram(site);
	bool any = false;

	if (!datagram)
		return send(fd, sampler->chunk, CHUNK, MSG_NOSIGNAL) > 0;
	for (int i = 0; i < DATAGRAMS; i++)
		any |= send(fd, sampler->chunk, datagram, MSG_NOSIGNAL) > 0;
	return any;
}

/* Reads until nothing is left; returns how many bytes. */
static uint64_t read_all(struct cost_sampler *sampler, const struct cost_site *site)
{
	uint64_t bytes = 0;
	ssize_t len;

	while ((len = recv(cost_site_receiver(site), sampler->sink, sizeof(sampler->sink), 0)) > 0)
		bytes += (uint64_t)len;
	return bytes;
}

/*
 * Neither could be sent nor read: a window is closed, or the kernel works elsewhere. Sleeps until something
 * came: sleeping is not on the thread's clock.
 */
static void wait_until_late(const struct cost_site *site)
{
	struct pollfd wait = { .fd = cost_site_receiver(site), .events = POLLIN };

	poll(&wait, 1, WAIT_MS);
}

int cost_sample_cpu(struct cost_sampler *sampler, const struct cost_site *site, uint64_t ns,
		    double *ret_ns_per_kib)
{
	struct moment from = now(sampler->waited_fd), to;
	uint64_t bytes = 0, end = from.passed + ns, last = from.passed;

	while (clock_ns() < end || !bytes) {
		bool sent = send_some(sampler, site);
		uint64_t got = read_all(sampler, site);

		sampler->rounds++;
		bytes += got;
		if (got) {
			last = clock_ns();
			continue;
		}
		sampler->late++;
		if (!sent)
			wait_until_late(site);
		if (clock_ns() - last > PATIENCE_NS)
			return fail(-ETIMEDOUT, "no packet got through the path to be measured");
	}
	to = now(sampler->waited_fd);
	*ret_ns_per_kib = processor_time(&from, &to) / ((double)bytes / 1024);
	return 0;
}

/* ---- Two threads ---- */

struct reader {
	struct cost_sampler *sampler;
	int fd;
	atomic_bool ended; /* the sender has sent all */
	uint64_t bytes;
	double spent;
};

/* Until the sender has ended and nothing is left: who carries bytes on is charged for all of them. */
static void *read_on(void *data)
{
	struct reader *reader = data;
	struct pollfd wait = { .fd = reader->fd, .events = POLLIN };
	int waited_fd = open(SCHEDSTAT, O_RDONLY | O_CLOEXEC);
	struct moment from, to;

	pin(reader->sampler->other);
	from = now(waited_fd);
	for (;;) {
		bool last = atomic_load(&reader->ended);
		ssize_t len =
			recv(wait.fd, reader->sampler->sink, sizeof(reader->sampler->sink), 0);

		if (len > 0)
			reader->bytes += (uint64_t)len;
		else if (last)
			break;
		else
			poll(&wait, 1, WAIT_MS);
	}
	to = now(waited_fd);
	reader->spent = processor_time(&from, &to);
	cleanup_close(&waited_fd);
	return NULL;
}

int cost_sample_throughput(struct cost_sampler *sampler, const struct cost_site *site, uint64_t ns,
			   double *ret_bytes_per_second)
{
	struct reader reader = { .sampler = sampler, .fd = cost_site_receiver(site) };
	struct pollfd wait = { .fd = cost_site_sender(site), .events = POLLOUT };
	struct moment from, to;
	pthread_t thread;
	double spent;
	int rc = pthread_create(&thread, NULL, read_on, &reader);

	if (rc)
		return fail_errno(-rc, "cannot start a thread");
	from = now(sampler->waited_fd);
	while (clock_ns() < from.passed + ns)
		if (!send_some(sampler, site))
			poll(&wait, 1, WAIT_MS);
	to = now(sampler->waited_fd);
	atomic_store(&reader.ended, true);
	pthread_join(thread, NULL);
	spent = processor_time(&from, &to);
	spent = spent > reader.spent ? spent : reader.spent;
	*ret_bytes_per_second = (double)reader.bytes * 1e9 / spent;
	return 0;
}

/* ---- Summing alone ---- */

static double time_variant(const struct csum_variant *variant, const uint8_t *segments)
{
	double rounds[SUM_ROUNDS];

	for (int round = 0; round < SUM_ROUNDS; round++) {
		volatile uint64_t sink;
		uint64_t from = clock_ns(), all = 0;

		for (int i = 0; i < SUM_SEGMENTS; i++)
			all += variant->sum(segments + (size_t)i * SUM_STRIDE, SUM_LENGTH);
		sink = all;
		(void)sink;
		rounds[round] = (double)(clock_ns() - from) * 1024 / SUM_LENGTH / SUM_SEGMENTS;
	}
	return median_of(rounds, SUM_ROUNDS);
}

int cost_sum_measure(struct cost_sum *ret_sum)
{
	_cleanup_free_ uint8_t *segments = malloc((size_t)SUM_SEGMENTS * SUM_STRIDE);

	if (!segments)
		return fail(-ENOMEM, "out of memory");
	memset(segments, 0xa5, (size_t)SUM_SEGMENTS * SUM_STRIDE);
	ret_sum->portable = time_variant(csum_variants[0], segments);
	ret_sum->chosen = time_variant(csum_chosen(), segments);
	ret_sum->chosen_name = csum_chosen()->name;
	return 0;
}
