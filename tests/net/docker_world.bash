# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016 # the scripts expand in the world, not here
#
# Debian's Docker engine, with a root and socket of its own in a test's world. It is only unpacked:
# an installed engine would start on the machine itself. On top of probe_world.bash.

GROUP=tsum-docker-$$ # unique: all worlds share the machine's cgroups
ENGINE=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../../build/engine

# Prints the reason if there is no engine.
fetch_engine() {
	[ "$(id -u)" = 0 ] || { echo "needs root"; return 1; }
	[ -x /bin/busybox ] || { echo "no /bin/busybox for an image (Debian: busybox-static)"; return 1; }
	"$(dirname "${BASH_SOURCE[0]}")/../tools/fetch_engine" "$ENGINE" 2>&1
}

use_engine() {
	local root
	root=$(realpath "$ENGINE/root")
	PATH=$root/usr/bin:$root/usr/sbin:$PATH
	export LD_LIBRARY_PATH
	LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu):$(echo "$root"/lib/*-linux-gnu)
}

# Mounts what a container needs in the world: /sys, cgroups, and an overlay for the engine's files
# in /etc.
mount_for_containers() {
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
		mount -t overlay etc -o lowerdir=/etc,upperdir=/run/engine/etc,workdir=/run/engine/work /etc
		cp /bin/busybox /run/engine/root/bin/sleep' >"$WORK/mounts" 2>&1
}

# start_engine [OPTION...]: starts dockerd with these options. /run/engine/root becomes the image
# "box".
start_engine() {
	start engine dockerd --data-root /run/engine/data --exec-root /run/engine/exec --pidfile /run/engine/pid \
		--cgroup-parent "/$GROUP" --storage-driver vfs -H unix:///run/docker.sock "$@"
	wait_for "docker version >/dev/null 2>&1 || ! world kill -0 $(cat "$WORK/engine.pid")"
	docker version >/dev/null 2>&1 || return 1
	world bash -c 'tar -C /run/engine/root -c . | DOCKER_HOST=unix:///run/docker.sock docker import - box' >/dev/null
}

docker() { world env DOCKER_HOST=unix:///run/docker.sock docker "$@"; }

# When the world ends, so do the engine and its containers. Removes their cgroups, which stay,
# empty.
remove_groups() {
	local controller
	for controller in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -d "$controller/$GROUP" ] ||
			wait_for "find '$controller/$GROUP' -depth -type d -exec rmdir {} + 2>/dev/null || [ ! -d '$controller/$GROUP' ]"
	done
}
