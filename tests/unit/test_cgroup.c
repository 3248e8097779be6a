// SPDX-License-Identifier: GPL-2.0-or-later
/* net/cgroup.c: finds a process's container from cgroup names as the runtimes write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/process.h"

#define A "0f3c9a8d7e6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a09"
#define B "b1946ac92492d2347c6235b4d2611184a7bb0d8f6b1c9d2e3f4a5b6c7d8e9f00"
#define UID "2a8f0b5e-90d4-4c3f-8a77-6e5d4c3b2a19"
#define UID_ "2a8f0b5e_90d4_4c3f_8a77_6e5d4c3b2a19"
#define STATIC_UID "d4c3b2a190f8e7d6c5b4a39281706f5e"
#define BURSTABLE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"

static const struct {
	const char *text, *container, *pod;
} places[] = {
	/* none */
	{ "", "", "" },
	{ "0::/\n", "", "" },
	{ "0::/init.scope\n", "", "" },
	{ "0::/user.slice/user-1000.slice/session-3.scope\n", "", "" },
	{ "12:pids:/system.slice/ssh.service\n1:name=systemd:/system.slice/ssh.service\n", "", "" },
	{ "4:memory:/process_api/97668104af0810e2641bee11c97212ae\n0::/\n", "", "" },
	{ "0::/system.slice/docker.service\n", "", "" },
	{ "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator\n", "", "" },
	/* Docker: cgroupfs and systemd, version 1 and 2, programs in it, another parent */
	{ "13:name=systemd:/docker/" A "\n12:pids:/docker/" A "\n", A, "" },
	{ "0::/docker/" A "\n", A, "" },
	{ "0::/system.slice/docker-" A ".scope\n", A, "" },
	{ "0::/system.slice/docker-" A ".scope/init.scope\n", A, "" },
	{ "0::/system.slice/docker-" A ".scope/system.slice/nginx.service\n", A, "" },
	{ "1:name=systemd:/my/parent/" A "\n", A, "" },
	{ "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" A ".scope\n", A,
	  "" },
	/* Docker in Docker, kind: the innermost */
	{ "0::/docker/" A "/docker/" B "\n", B, "" },
	{ "0::/docker/" A "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
	  "kubelet-kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" B ".scope\n",
	  B, UID },
	/* from within a cgroup namespace beside it */
	{ "0::/../docker-" A ".scope\n", A, "" },
	/* the legacy hierarchy knows, the unified one does not */
	{ "0::/system.slice/containerd.service\n9:cpu,cpuacct:/docker/" A "\n", A, "" },
	{ "2:cpu:/docker/" A "\n0::/\n", A, "" },
	/* Kubernetes: three quality classes, both drivers */
	{ "0::" BURSTABLE "/cri-containerd-" A ".scope\n", A, UID },
	{ "0::" BURSTABLE "/crio-" A ".scope\n", A, UID },
	{ "0::" BURSTABLE "/docker-" A ".scope\n", A, UID },
	{ "0::/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" A ".scope\n", A, UID },
	{ "5:cpuset:/kubepods/besteffort/pod" UID "/" A "\n", A, UID },
	{ "5:cpuset:/kubepods/pod" UID "/" A "\n", A, UID },
	{ "5:cpuset:/kubepods/burstable/pod" STATIC_UID "/" A "\n", A, STATIC_UID },
	{ "0::" BURSTABLE "\n", "", UID },
	{ "0::/kubelet/kubepods/burstable/pod" UID "/" A "\n", A, UID },
	{ "0::/system.slice/containerd.service/kubepods-burstable-pod" UID_
	  ".slice:cri-containerd:" A "\n",
	  A, UID },
	{ "11:devices:/kubepods-besteffort-pod" UID_ ".slice:cri-containerd:" A "\n", A, UID },
	{ "0::/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" A ".scope/container\n", A, UID },
	/* CRI-O's and Podman's helper lives on the host */
	{ "0::" BURSTABLE "/crio-conmon-" A ".scope\n", "", UID },
	{ "0::/machine.slice/libpod-conmon-" A ".scope\n", "", "" },
	/* Podman, root's and a user's */
	{ "0::/machine.slice/libpod-" A ".scope\n", A, "" },
	{ "0::/machine.slice/libpod-" A ".scope/container\n", A, "" },
	{ "0::/libpod_parent/libpod-" A "\n", A, "" },
	{ "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" A
	  ".scope/container\n",
	  A, "" },
	{ "0::/machine.slice/machine-libpod_pod_" B ".slice/libpod-" A ".scope\n", A, "" },
	/* nerdctl, Kata, ECS, LXC and LXD */
	{ "0::/system.slice/nerdctl-" A ".scope\n", A, "" },
	{ "0::/default/" A "\n", A, "" },
	{ "0::/kubepods/pod" UID "/kata_" A "\n", A, UID },
	{ "9:perf_event:/ecs/" STATIC_UID "/" A "\n", A, "" },
	{ "9:perf_event:/ecs/" STATIC_UID "/" STATIC_UID "-1234567890\n", STATIC_UID "-1234567890",
	  "" },
	{ "0::/lxc.payload.web-1\n", "web-1", "" },
	{ "0::/lxc.payload.web-1/system.slice/cron.service\n", "web-1", "" },
	{ "0::/lxc.monitor.web-1\n", "", "" },
	{ "4:memory:/lxc/db/init.scope\n", "db", "" },
	/* only similar names */
	{ "0::/docker/0f3c9a8d\n", "", "" },
	{ "0::/docker/" A "0\n", "", "" },
	{ "0::/docker/g" A "\n", "", "" },
	{ "0::/DOCKER-" A ".scope\n", "", "" },
	{ "0::/system.slice/docker-.scope\n", "", "" },
	{ "0::/kubepods/pod\n", "", "" },
	{ "0::/kubepods/podcast\n", "", "" },
	{ "0::/a-pod.slice\n", "", "" },
	{ "0::/a-pod" UID_ UID_ ".slice\n", "", "" },
	{ "0::/lxc.payload.\n", "", "" },
	{ "0::/lxc.payload.\033[2J\n", "", "" },
	{ "0::/lxc.payload." A "x\n", "", "" },
	{ "/docker/" A "\n", "", "" },
	{ "::", "", "" },
	{ ":::::\n\n\n/", "", "" },
};

static void test_runtimes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct process place;

		memset(&place, 'x', sizeof(place));
		process_parse_cgroup(places[i].text, &place);
		if (strcmp(place.container, places[i].container) ||
		    strcmp(place.pod, places[i].pod))
			fail_msg("%s -> container '%s', pod '%s'", places[i].text, place.container,
				 place.pod);
	}
}

/* Cut off anywhere, without the newline: nothing is read after the end (ASan would notice). */
static void test_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		for (size_t len = 0; len <= strlen(places[i].text); len++) {
			_cleanup_free_ char *cut = strndup(places[i].text, len);
			struct process place;

			process_parse_cgroup(cut, &place);
			assert_true(strlen(place.container) < sizeof(place.container));
			assert_true(strlen(place.pod) < sizeof(place.pod));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtimes),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
