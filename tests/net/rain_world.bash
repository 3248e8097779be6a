# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # what is set here, tests use
#
# For tests of containers that start while damaged packets arrive, on top of probe_world.bash: a
# sender outside the host whose datagrams are damaged before the container exists, a NIC that
# vouches for them, and containers that read from their first instruction on.

# shellcheck source=tests/net/probe_world.bash
source "$(dirname "${BASH_SOURCE[0]}")/probe_world.bash"

GUARD_FILE=$(realpath "${BASH_SOURCE[0]}")
TOOLS=${TOOLS:-$(dirname "$TRUESUM")/tools}
TOOLS=$(realpath -m "$TOOLS")
TRUESUM=$(realpath -m "$TRUESUM")
for PLUGINS in /usr/lib/cni /opt/cni/bin; do
	[ -x "$PLUGINS/host-local" ] && break
done
READ_PORT=5555
READ_COUNT=20 # intact datagrams that a container waits for; about as many damaged ones also arrive
READ_MS=5000
export TOOLS PLUGINS READ_PORT READ_COUNT READ_MS

# ---- In the world --------------------------------------------------------------------------------

# quick_neighbours DEV: repeat neighbour requests every 10 ms, not every second: a container lives
# for less than that
quick_neighbours() {
	sysctl -qw "net.ipv4.neigh.$1.retrans_time_ms=10" "net.ipv6.neigh.$1.retrans_time_ms=10"
}

own_state() {
	mkdir -p /var/lib/truesum
	mount -t tmpfs tsum-test /var/lib/truesum
	ip -n R route add 10.11.0.0/16 via 10.5.0.2
	ip -n R route add fd11::/16 via fd05::2
	ip link add cni0 type bridge
	quick_neighbours cni0
}

# cni_config TYPE [KEYS]: prints the configuration of a plugin that makes the interface; KEYS are
# JSON members. If ONLY is set, every container gets the same addresses.
cni_config() {
	local only4="" only6=""
	if [ -n "${ONLY:-}" ]; then
		only4=', "rangeStart": "10.11.0.2", "rangeEnd": "10.11.0.2"'
		only6=', "rangeStart": "fd11::2", "rangeEnd": "fd11::2"'
	fi
	cat <<-END
		{
			"cniVersion": "${CNI_VERSION:-1.0.0}", "name": "net", "type": "$1" ${2:+, $2},
			"ipam": {
				"type": "host-local", "dataDir": "/run/cni",
				"ranges": [
					[{"subnet": "10.11.0.0/16" $only4}],
					[{"subnet": "fd11::/64" $only6}]
				],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
			}
		}
	END
}

# plugin COMMAND TYPE CONTAINER <CONFIG: calls a plugin; TYPE "truesum" is ours
plugin() {
	local program=$PLUGINS/$2
	[ "$2" != truesum ] || program=$TRUESUM
	CNI_COMMAND=$1 CNI_CONTAINERID=$3 CNI_NETNS=/run/netns/$3 CNI_IFNAME=eth0 CNI_PATH=$PLUGINS "$program"
}

# truesum_config PREVRESULT [KEYS]: prints the configuration of our plugin in that chain
truesum_config() {
	printf '{"cniVersion": "%s", "name": "net", "type": "truesum" %s, "prevResult": %s}\n' \
		"${CNI_VERSION:-1.0.0}" "${2:+, $2}" "$1"
}

# cni_start NAME TYPE KEYS|"" [OURS]: runs a container with that plugin, then ours if OURS is "yes",
# from its start to its end; prints what its first process read (intact, damaged, wrong bytes), and
# the microseconds of the first plugin's ADD and of ours.
cni_start() {
	local config result said start middle end
	space "$1"
	config=$(cni_config "$2" "$3")
	start=${EPOCHREALTIME/./}
	result=$(plugin ADD "$2" "$1" <<<"$config") || { echo "$result"; return 1; }
	middle=${EPOCHREALTIME/./} end=$middle
	if [ -n "${4:-}" ]; then
		truesum_config "$result" >/run/config.truesum
		middle=${EPOCHREALTIME/./}
		said=$(plugin ADD truesum "$1" </run/config.truesum 2>/run/said.truesum) || { echo "$said"; return 1; }
		end=${EPOCHREALTIME/./}
	fi
	said=$(ip netns exec "$1" "$TOOLS/downpour" read "$READ_PORT" "$READ_COUNT" "$READ_MS")
	[ -z "${4:-}" ] || plugin DEL truesum "$1" </run/config.truesum
	plugin DEL "$2" "$1" <<<"$config"
	ip netns del "$1"
	echo "$said $((middle - start)) $((end - middle))"
}

# Adds downpour to Docker's image "box", which otherwise only contains sleep.
fill_image() {
	cp "$TOOLS/downpour" /run/engine/root/bin/
}

# docker_start RUNTIME: runs a container from its start to its end; prints what its first process
# read, and the microseconds of `docker create` and `docker start`.
docker_start() {
	local said start end
	export DOCKER_HOST=unix:///run/docker.sock
	start=${EPOCHREALTIME/./}
	docker create --name box --runtime "$1" --network rain --ip6 fd11::2 box \
		/bin/downpour read "$READ_PORT" "$READ_COUNT" "$READ_MS" >/dev/null
	docker start box >/dev/null
	end=${EPOCHREALTIME/./}
	docker wait box >/dev/null
	said=$(docker logs box)
	docker rm box >/dev/null
	echo "$said $((end - start))"
}

# Runs the hook on a container with a veth; prints the hook's microseconds.
hook_once() {
	local pid start end
	ip netns add hooked
	ip link add hooked0 type veth peer name eth0 netns hooked
	ip netns exec hooked sleep 60 &
	pid=$!
	until [ "$(readlink "/proc/$pid/exe")" = "$(realpath "$(command -v sleep)")" ]; do sleep 0.01; done
	printf '{"ociVersion": "1.0.2", "id": "hooked", "status": "creating", "pid": %d, "bundle": "/"}\n' "$pid" >/run/state
	start=${EPOCHREALTIME/./}
	"$TRUESUM" guard hook </run/state 2>/dev/null
	end=${EPOCHREALTIME/./}
	sed -i 's/creating/stopped/' /run/state
	"$TRUESUM" guard hook </run/state
	kill "$pid"
	ip link del hooked0
	ip netns del hooked
	echo $((end - start))
}

# ---- In the test ---------------------------------------------------------------------------------

# in_world FUNCTION [ARG...]: calls one of the functions above, or of probe_world.bash, in the world
in_world() {
	# shellcheck disable=SC2016 # expands in the world
	world bash -euc '. "$0"; "$@"' "$GUARD_FILE" "$@"
}

# downpour ADDRESS...: starts to send datagrams to these addresses; half of them are damaged, and
# the NIC vouches for all.
downpour() {
	local address
	start vouch "$TRUESUM" corrupt --dev nic --direction ingress --vouch
	start damage "$TRUESUM" corrupt --netns R --dev r0 --match udp --rate 50%
	wait_for "world tc filter show dev nic ingress | grep -q tsum_corrupt &&
		world tc -n R filter show dev r0 egress | grep -q tsum_corrupt" || { cat "$WORK"/*.err; return 1; }
	for address; do
		start "rain-$address" ip netns exec R "$TOOLS/downpour" send "$address" "$READ_PORT" 1000
	done
}

# sums FILE: adds up lines "intact damaged bytes ..."; prints "starts intact damaged bytes"
sums() {
	awk '{ n++; intact += $1; damaged += $2; bytes += $3 } END { print n + 0, intact + 0, damaged + 0, bytes + 0 }' "$1"
}

# start_docker WRAPPER [OPTION...]: starts the engine, with the wrapper as a runtime named truesum,
# and a network "rain" to which IPv6 is routed. On top of docker_world.bash.
start_docker() {
	local wrapper=$1
	shift
	export TRUESUM
	start_engine --add-runtime "truesum=$wrapper" "$@" || return 1
	docker network create --ipv6 --subnet 10.11.0.0/24 --subnet fd11::/64 \
		--opt com.docker.network.bridge.name=rain0 rain >/dev/null
	in_world quick_neighbours rain0
}
