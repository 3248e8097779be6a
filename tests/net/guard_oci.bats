#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum guard hook`, called by Docker through contrib/docker's wrapper of runc, by runc alone,
# and directly by a test ("by hand").
# STARTS: how many containers start while damaged packets arrive, with and without the hook
# (tests/bench.d/guard_starts: 200).

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/rain_world.bash
source "$BATS_TEST_DIRNAME/rain_world.bash"
# shellcheck source=tests/net/docker_world.bash
source "$BATS_TEST_DIRNAME/docker_world.bash"
# shellcheck source=tests/skip.bash
source "$BATS_TEST_DIRNAME/../skip.bash"

STARTS=${STARTS:-10}
CONTRIB=$BATS_TEST_DIRNAME/../../contrib

setup_file() {
	local said
	said=$(fetch_engine) || skip_file "oci: $(tail -n 1 <<<"$said")"
}

setup() {
	skip_if_file_skips
	start_world 180
	in_world own_state
	use_engine
	mount_for_containers || skip "oci: no cgroups or overlays here: $(tail -n 1 "$WORK/mounts")"
	in_world fill_image
	cp "$CONTRIB/docker/truesum-runc" "$WORK/truesum-runc"
}

teardown() {
	end_world
	remove_groups
}

# Starts the engine, with the wrapper as runtime "truesum", and a network "rain" to which IPv6 is
# routed.
with_docker() {
	start_docker "$WORK/truesum-runc" || skip "oci: the engine does not start: $(tail -n 1 "$WORK/engine.err")"
}

# hook PID [OPTION...]: calls the hook as a runtime does; sets $status; stderr goes to $WORK/said
hook() {
	local pid=$1
	shift
	status=0
	world "$TRUESUM" guard hook "$@" 2>"$WORK/said" >"$WORK/out" \
		<<<"{\"ociVersion\": \"1.0.2\", \"id\": \"cafe\", \"status\": \"created\", \"pid\": $pid, \"bundle\": \"/\"}" || status=$?
	[ ! -s "$WORK/out" ]
}

# protected NETNS yes|no: its eth0 has rx-off and one reset, or neither
protected() {
	local rx=on resets=0
	[ "$2" = no ] || { rx=off resets=1; }
	[[ $(world ip netns exec "$1" ethtool -k eth0 | grep rx-checksumming) == *"$rx" ]]
	[ "$(world tc -n "$1" filter show dev eth0 ingress | grep -c 'handle.*tsum_reset')" = "$resets" ]
}

@test "by hand: it protects a container's devices, once; not loopback, nor devices that do not lead outside" {
	build routed
	world ip -n C link add v1 type veth peer name eth1
	world ip -n C link add br1 type bridge
	start box ip netns exec C sleep 60
	wait_for "[ \$(world ip netns pids C | wc -l) = 1 ]"
	pid=$(world ip netns pids C)
	hook "$pid"
	[ "$status" = 0 ]
	grep -q "^truesum guard hook: container cafe: there is no policy yet" "$WORK/said"
	protected C yes
	hook "$pid"
	[ "$status" = 0 ]
	protected C yes
	[ "$(world find /run/truesum/guard -type f | wc -l)" = 3 ]
	[ -z "$(world tc -n C filter show dev br1 ingress)$(world tc -n C filter show dev lo ingress)" ]
}

@test "by hand: it leaves the host's network alone, reports a missing network, and refuses bad input" {
	hook 1 --mitigation reset
	[ "$status" = 0 ]
	[ -z "$(world tc filter show dev nic ingress)$(world find /run/truesum -type f 2>/dev/null)" ]
	in_world space empty
	start box ip netns exec empty sleep 60
	wait_for "[ \$(world ip netns pids empty | wc -l) = 1 ]"
	hook "$(world ip netns pids empty)" --mitigation rx-off
	[ "$status" = 0 ]
	grep -q "it has no network yet" "$WORK/said"
	hook 0
	[ "$status" = 3 ]
	grep -q "belongs to createRuntime" "$WORK/said"
	hook 4194303
	[ "$status" = 3 ]
	hook 4194303 --fail-open
	[ "$status" = 0 ]
	grep -q "starts unprotected" "$WORK/said"
	hook x
	[ "$status" = 3 ]
	grep -q "no container's state" "$WORK/said"
	for list in nonsense '' 'reset,' tx-off all; do
		run -2 world "$TRUESUM" guard hook --mitigation "$list" </dev/null
		[[ "$output" == *"'$list'; known: rx-off, reset, auto"* ]]
	done
}

@test "by hand: at poststop, when the namespace is gone, it removes the container's records" {
	in_world space c
	world ip link add v9 type veth peer name eth0 netns c
	start box ip netns exec c sleep 60
	wait_for "[ \$(world ip netns pids c | wc -l) = 1 ]"
	hook "$(world ip netns pids c)"
	[ "$(world find /run/truesum -type f | wc -l)" = 2 ]
	# When a second container of the same pod ends, the records of the first one stay.
	world "$TRUESUM" guard hook <<<"{\"ociVersion\": \"1.0.2\", \"id\": \"beef\", \"status\": \"creating\",
		\"pid\": $(world ip netns pids c), \"bundle\": \"/\"}"
	[ "$(world find /run/truesum -type f | wc -l)" = 3 ]
	world "$TRUESUM" guard hook <<<'{"ociVersion": "1.0.2", "id": "beef", "status": "stopped"}'
	[ "$(world find /run/truesum -type f | wc -l)" = 2 ]
	stop box KILL || true
	world ip netns del c
	for _ in 1 2; do
		world "$TRUESUM" guard hook <<<'{"ociVersion": "1.0.2", "id": "cafe", "status": "stopped"}'
		[ "$(world find /run/truesum -type f | wc -l)" = 0 ]
	done
}

@test "runc alone: by the hook in config.json, and between create and start as Docker since 28 does it" {
	# shellcheck disable=SC2016 # expands in the world
	world bash -euc '
		mkdir -p /run/bundle
		cd /run/bundle
		cp -r /run/engine/root rootfs
		runc spec
		jq ".process.args = [\"/bin/sleep\", \"60\"] | .process.terminal = false | .root.readonly = false |
			.linux.cgroupsPath = \"/$1/alone\" | del(.linux.resources)" config.json >config.new
		mv config.new config.json' world "$GROUP" || skip "oci: no runc spec"
	wrapped() { world env TRUESUM="$TRUESUM" "$WORK/truesum-runc" --root /run/runc "$@"; }
	wrapped create --bundle /run/bundle alone >"$WORK/create" 2>&1 </dev/null 3>&- ||
		skip "oci: no container runs here: $(tail -n 1 "$WORK/create")"
	pid=$(world runc --root /run/runc state alone | jq .pid)
	jq -e '.hooks.createRuntime | length == 1' <(world cat /run/bundle/config.json)
	world bash -c "touch /run/netns/alone; mount --bind /proc/$pid/ns/net /run/netns/alone"
	world ip link add v0 type veth peer name eth0 netns alone
	protected alone no
	wrapped start alone
	protected alone yes
	[ -n "$(world find /run/truesum -type f)" ]
	wrapped delete --force alone
	[ -z "$(world find /run/truesum -type f)" ]
}

@test "docker: a container that cannot be protected does not start; with --fail-open it does" {
	local kind
	for kind in fail-open mitigation=nonsense; do
		printf '#!/bin/sh\nTRUESUM_HOOK=--%s exec "%s" "$@"\n' $kind "$WORK/truesum-runc" >"$WORK/$kind"
		chmod +x "$WORK/$kind"
	done
	start_docker "$WORK/truesum-runc" --add-runtime "open=$WORK/fail-open" --add-runtime "nonsense=$WORK/mitigation=nonsense" ||
		skip "oci: the engine does not start: $(tail -n 1 "$WORK/engine.err")"
	docker run --rm --runtime truesum box /bin/sleep 0
	run docker run --rm --runtime nonsense box /bin/sleep 0
	[ "$status" -ne 0 ]
	[[ $output == *"unknown mitigation"* ]]
	world mount -t tmpfs -o ro none /run/truesum
	run docker run --rm --runtime truesum box /bin/sleep 0
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"cannot create /run/truesum/guard"* ]]
	docker run --rm --runtime open box /bin/sleep 0
}

@test "docker: no network, the host's network, and another container's network" {
	with_docker
	docker run --rm --runtime truesum --network none box /bin/sleep 0
	docker run --rm --runtime truesum --network host box /bin/sleep 0
	[ -z "$(world find /run/truesum -type f)" ]
	docker run -d --name one --runtime truesum box /bin/sleep 60
	pid=$(docker inspect one | jq '.[0].State.Pid')
	world bash -c "touch /run/netns/one; mount --bind /proc/$pid/ns/net /run/netns/one"
	protected one yes
	docker run --rm --runtime truesum --network container:one box /bin/sleep 0
	protected one yes
	# The records belong to the first container, and stay.
	[ "$(world find /run/truesum -type f | wc -l)" = 2 ]
	docker kill one >/dev/null
	world umount /run/netns/one
	wait_for "[ -z \"\$(world find /run/truesum -type f)\" ]"
}

@test "docker: damage on the wire before the container exists: delivered with runc, not one byte with the hook" {
	with_docker
	downpour fd11::2
	local runtime
	for runtime in runc truesum; do
		for ((i = 0; i < STARTS; i++)); do
			in_world docker_start $runtime
		done >"$WORK/starts"
		cat "$WORK/starts" "$WORK/vouch.err" "$WORK/damage.err" >&2
		read -r count intact damaged bytes < <(sums "$WORK/starts")
		echo "$runtime: $damaged datagrams, $bytes bytes damaged, $intact intact, in $count starts" >&3
		[ "$intact" = $((STARTS * READ_COUNT)) ]
		if [ $runtime = runc ]; then
			[ "$damaged" -gt 0 ]
		else
			[ "$damaged" = 0 ]
			[ "$bytes" = 0 ]
		fi
	done
	[ -z "$(world find /run/truesum/guard /run/truesum/attached -type f)" ]
}

@test "the examples in contrib are valid for the programs that read them" {
	jq -e '.version == "1.0.0" and (.hook.path | startswith("/")) and .hook.args[1:] == ["guard", "hook"] and
		.when.always and .stages == ["createRuntime", "poststop"]' \
		<(sed 's,@PREFIX@,/usr,' "$CONTRIB/oci-hooks.d/truesum.json")
	jq -e '.cniVersion and .name and (.plugins | map(.type) == ["bridge", "truesum"])' "$CONTRIB/cni/10-bridge-truesum.conflist"
	sh -n "$CONTRIB/docker/truesum-runc"
}
