#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum probe` and `guard` on a real Docker engine, with a root, socket and namespaces of its
# own.
#
# IPv4 leaves Docker's bridges masqueraded, so the host's connection tracking verifies the answers.
# It does not translate a damaged one, which then arrives at the host itself, and the host's own TCP
# or UDP drops it. So the verdict is "verified by conntrack", even with the 2016 statement on the
# container's veth, unless nf_conntrack_checksum is off or the NIC vouches. IPv6 is routed: only the
# container's own socket verifies, and with the statement nothing does.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/guard_world.bash
source "$BATS_TEST_DIRNAME/guard_world.bash"
# shellcheck source=tests/net/docker_world.bash
source "$BATS_TEST_DIRNAME/docker_world.bash"
# shellcheck source=tests/skip.bash
source "$BATS_TEST_DIRNAME/../skip.bash"

V4='select(.family == 4)'
V6='select(.family == 6)'
WHOLE='select(.shape != "fragments")'

setup_file() {
	local said
	said=$(fetch_engine) || skip_file "docker: $(tail -n 1 <<<"$said")"
}

setup() {
	skip_if_file_skips
	use_engine
	start_guard_world 60
	mount_for_containers || skip "docker: no cgroups or overlays here: $(tail -n 1 "$WORK/mounts")"
	start_engine --ipv6 --fixed-cidr-v6 fd0d::/64 ||
		skip "docker: the engine does not start: $(tail -n 1 "$WORK/engine.err")"
	docker run -d --name web -p 8080:80 box /bin/sleep 60 >"$WORK/id" 2>"$WORK/run.err" ||
		skip "docker: no container runs here: $(tail -n 1 "$WORK/run.err")"
}

teardown() {
	end_world
	remove_groups
}

# veth_of NAME: the host's end of the container's veth, as the probe names it
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
	# With that veth IPv4 depends on conntrack alone.
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

@test "docker: a container without a network is isolated, one in the host's network is the host" {
	docker run -d --name alone --network none box /bin/sleep 60 >/dev/null
	docker run -d --name inside --network host box /bin/sleep 60 >/dev/null
	probe -c alone -c web
	[ "$status" = 0 ]
	[ "$(json '.targets[] | select(.name == "alone") | .isolated')" = true ]
	probe -c inside
	[ "$(json '.targets[0].name')" = host ]
}

@test "docker: guard finds what helps IPv6, which is not translated, and restores everything" {
	# One of the containers only: what a kind needs stays unproven, so new ones get both.
	probe -c web
	vouch veth - "$(veth_of web)"
	protects "-c web" veth:rx-off,reset
	# Until now conntrack verified IPv4.
	world sysctl -qw net.netfilter.nf_conntrack_checksum=0
	protects "-c web" veth:rx-off,reset
	stop veth
}

@test "docker: guard against a NIC that vouches falsely, on the container alone" {
	protects "-c web --as-if lying-nic" veth:rx-off,reset
	apply 0 -c web --as-if lying-nic
	[ "$(on web)" = reset ]
	docker kill web >/dev/null
	guard status
	[ "$status" = 0 ]
	grep -q '^No mitigation is on' "$WORK/out"
}
