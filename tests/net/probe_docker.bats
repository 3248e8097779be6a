#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum probe` on a real Docker engine, with its own root and socket, in namespaces of its own.
#
# IPv4 leaves Docker's bridges masqueraded, so that the host's connection tracking looks at what comes back:
# damage is not translated, arrives at the host itself, and the host's own TCP or UDP drops it. Hence
# "verified by conntrack" with and without the 2016 statement on the container's veth, until either
# nf_conntrack_checksum is off or the NIC vouched already. IPv6 is routed: the container's own socket is
# the only one that looks, and with the statement nobody does.
# shellcheck disable=SC2016 # the scripts expand in the world, not here

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/probe_world.bash
source "$BATS_TEST_DIRNAME/probe_world.bash"

GROUP=tsum-docker-$$ # cgroups are the machine's
ENGINE=$BATS_TEST_DIRNAME/../../build/engine
V4='select(.family == 4)'
V6='select(.family == 6)'
WHOLE='select(.shape != "fragments")'

# Debian's engine, unpacked: an installed one would be started on the machine itself.
setup_file() {
	[ "$(id -u)" = 0 ] || skip "docker: needs root"
	local said
	said=$("$BATS_TEST_DIRNAME/../tools/fetch_engine" "$ENGINE" 2>&1) || skip "docker: $(tail -n 1 <<<"$said")"
}

setup() {
	local root=$ENGINE/root
	PATH=$root/usr/bin:$root/usr/sbin:$PATH
	export LD_LIBRARY_PATH
	LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu):$(echo "$root"/lib/*-linux-gnu)
	[ -x /bin/busybox ] || skip "docker: no /bin/busybox for an image (Debian: busybox-static)"
	start_world 60
	world bash -euc '
		mount -t sysfs sys /sys
		mount -t tmpfs cgroups /sys/fs/cgroup
		for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
			mkdir "/sys/fs/cgroup/$controller"
			mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
		done 2>/dev/null || {
			umount -R /sys/fs/cgroup
			mount -t cgroup2 cgroup /sys/fs/cgroup
		}
		mkdir -p /run/engine/root/bin /run/engine/etc /run/engine/work
		# The engine keeps a key in /etc/docker.
		mount -t overlay etc -o lowerdir=/etc,upperdir=/run/engine/etc,workdir=/run/engine/work /etc
		cp /bin/busybox /run/engine/root/bin/sleep' >"$WORK/mounts" 2>&1 ||
		skip "docker: no cgroups or overlays here: $(tail -n 1 "$WORK/mounts")"
	start engine dockerd --data-root /run/engine/data --exec-root /run/engine/exec --pidfile /run/engine/pid \
		--cgroup-parent "/$GROUP" --storage-driver vfs \
		-H unix:///run/docker.sock --ipv6 --fixed-cidr-v6 fd0d::/64
	wait_for "docker version >/dev/null 2>&1 || ! world kill -0 $(cat "$WORK/engine.pid")"
	docker version >/dev/null 2>&1 || skip "docker: the engine does not start: $(tail -n 1 "$WORK/engine.err")"
	world bash -c 'tar -C /run/engine/root -c . | DOCKER_HOST=unix:///run/docker.sock docker import - box' >/dev/null
	docker run -d --name web -p 8080:80 box /bin/sleep 60 >"$WORK/id" 2>"$WORK/run.err" ||
		skip "docker: no container runs here: $(tail -n 1 "$WORK/run.err")"
}

docker() { world env DOCKER_HOST=unix:///run/docker.sock docker "$@"; }

# The world's end ends the engine and its containers; their cgroups are left, empty.
teardown() {
	end_world
	local controller
	for controller in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -d "$controller/$GROUP" ] ||
			wait_for "find '$controller/$GROUP' -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d '$controller/$GROUP' ]"
	done
}

# veth_of NAME: its container's end on the host, as the probe names it
veth_of() { json ".targets[] | select(.name == \"$1\") | .interfaces[0].other_end"; }

@test "docker: default bridge, published port: verified on a stock kernel; with the 2016 statement IPv6 is not" {
	probe -c web
	expect 0 verified:conntrack "$V4"
	expect 0 verified:socket "$V6"
	[ "$(json '.targets | length')" = 1 ]
	[ "$(json '.targets[0].name')" = web ]
	[ "$(json '.targets[0].container')" = "$(cat "$WORK/id")" ]
	[ "$(json '.targets[0].interfaces[0] | "\(.name) \(.kind) \(.other_netns)"')" = "eth0 veth host" ]

	vouch veth - "$(veth_of web)"
	probe -c web
	expect 1 verified:conntrack "$V4"
	expect 1 delivers-corrupt "$V6 | $WHOLE"
	# The same veth, and IPv4 has nothing but conntrack's look at it.
	world sysctl -qw net.netfilter.nf_conntrack_checksum=0
	probe -c web
	expect 1 delivers-corrupt "$V4 | $WHOLE"
	world sysctl -qw net.netfilter.nf_conntrack_checksum=1
	stop veth

	probe -c web
	expect 0 verified:conntrack "$V4"
	expect 0 verified:socket "$V6"
}

@test "docker: as if the NIC vouched falsely, NAT does not help either" {
	probe -c web --as-if lying-nic
	expect 1 delivers-corrupt "$WHOLE"
}

@test "docker: an IPv6 network beside the default bridge; names, ids, and one container named twice" {
	docker network create --ipv6 --subnet fd0e::/64 six >/dev/null
	docker run -d --name db --network six box /bin/sleep 60 >"$WORK/db"
	id=$(cut -c 1-12 "$WORK/db")
	probe -c db -c "$id" -c web
	[ "$(json '[.targets[].name] | join(" ")')" = "db web" ]
	expect 0 verified:conntrack "$V4"
	expect 0 verified:socket "$V6"
	vouch veth - "$(veth_of db)"
	probe -c db -c web
	stop veth
	[ "$status" = 1 ]
	[ "$(json '[.targets[] | .verdict] | join(" ")')" = "delivers-corrupt verified" ]
	run --separate-stderr world "$TRUESUM" probe
	# shellcheck disable=SC2154 # bats sets it
	printf '%s\n' "$output" >"$WORK/text"
	grep -qE '^web +eth0 ⇄ veth[0-9a-f]+ +verified: conntrack +verified: socket +verified: conntrack +verified: socket' "$WORK/text"
	grep -qE '^db ' "$WORK/text"
	docker kill db >/dev/null
	probe -c db
	[ "$status" = 3 ]
	grep -q "no container 'db'" "$WORK/err"
}

@test "docker: without network or in the host's, a container is what it is" {
	docker run -d --name alone --network none box /bin/sleep 60 >/dev/null
	docker run -d --name inside --network host box /bin/sleep 60 >/dev/null
	probe -c alone -c web
	[ "$status" = 0 ]
	[ "$(json '.targets[] | select(.name == "alone") | .isolated')" = true ]
	probe -c inside
	[ "$(json '.targets[0].name')" = host ]
}
