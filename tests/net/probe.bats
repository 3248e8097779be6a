#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum probe` on ways to connect a container: it agrees with the lab, names what blocks it,
# leaves nothing behind, and sends nothing to anybody else.
# shellcheck disable=SC2016,SC2030,SC2031 # scripts expand in the world; each test has its $status

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/probe_world.bash
source "$BATS_TEST_DIRNAME/probe_world.bash"

LAB=$BATS_FILE_TMPDIR/lab.json

# Runs the lab once, over all topologies.
setup_file() {
	local truesum=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum} code=0
	[ "$(id -u)" = 0 ] && unshare -n -m -p -f --mount-proc true 2>/dev/null || return 0
	unshare -n -m -p -f --mount-proc "$truesum" lab --mitigation none --json >"$BATS_FILE_TMPDIR/lab.json" || code=$?
	[ "$code" = 0 ]
}

# lab TOPOLOGY BEHAVIOUR: the lab's verdicts on TCP, both families, in the words of verdicts(). Lab
# and probe have different names for the places.
lab() {
	jq -r --arg topology "$1" --arg behaviour "$2" '[.cells[] |
		select(.topology == $topology and .behaviour == $behaviour and .mitigation == "none" and (.skipped | not)) |
		.verdict + if .verdict == "verified" then
			":" + {container: "socket", host: "conntrack", rule: "rule", "outer-udp": "outer-udp"}[.caught_by] else "" end] |
		unique | join(" ")' "$LAB"
}

FRAGMENTS='select(.shape == "fragments")'
WHOLE='select(.shape != "fragments")'
CORRUPT=delivers-corrupt

# like_lab TOPOLOGY "ARG..." [NS:DEV...]: probe and lab agree on the kernel as it is, with the 2016
# statement on these veth ends, and again without. `corrupt` vouches for first fragments only, so
# for no fragmented datagram.
like_lab() {
	local topology=$1 args=() end want n=0
	read -ra args <<<"$2"
	shift 2
	want=$(lab "$topology" native)
	[ -n "$want" ]
	probe -n C "${args[@]}"
	expect 0 "$want"
	(($#)) || return 0
	for end in "$@"; do
		vouch "veth$((n++))" "${end%:*}" "${end#*:}"
	done
	probe -n C "${args[@]}"
	want=$(lab "$topology" veth-2016)
	expect "$([ "$want" = "$CORRUPT" ] && echo 1 || echo 0)" "$want" "$WHOLE"
	while ((n)); do
		stop "veth$((--n))"
	done
	probe -n C "${args[@]}"
	expect 0 "$(lab "$topology" native)"
}

# lying VERDICTS ARG...: expects these verdicts as if the NIC vouched for everything
lying() {
	probe -n C --as-if lying-nic "${@:2}"
	expect 1 "$1" "${FILTER:-.}"
}

@test "probe: routed over veth, as in the lab" {
	build routed
	like_lab routed "" -:v0
	lying $CORRUPT
	[ "$(json .as_if)" = lying-nic ]
}

@test "probe: routed to a bridge, as in the lab" {
	build bridge
	like_lab bridge "" -:v0
	lying $CORRUPT
}

@test "probe: a bridge with the NIC as a port, as in the lab" {
	build l2bridge
	like_lab l2bridge "--via nic" -:v0
	lying $CORRUPT --via nic
}

@test "probe: a container inside a container, as in the lab" {
	build nested
	like_lab nested "" -:v0 M:w0
	lying $CORRUPT
	json '.targets[0].interfaces[] | "\(.name) \(.kind) \(.other_end) \(.other_netns)"' |
		grep -qx 'eth0 veth w0 M'
}

@test "probe: connection tracking, as in the lab" {
	build routed
	build conntrack_on
	like_lab conntrack "" -:v0
}

@test "probe: ctstate INVALID dropped, as in the lab; a NIC that vouches falsely defeats the rule" {
	build routed
	build conntrack_drop
	like_lab conntrack-drop "" -:v0
	FILTER=$WHOLE lying $CORRUPT
}

@test "probe: DNAT and masquerade, as in the lab; a NIC that vouches falsely defeats both" {
	build routed
	build nat 1
	like_lab nat "" -:v0
	like_lab masquerade "" -:v0
	FILTER=$WHOLE lying $CORRUPT
	# Conntrack puts fragments together and apart again: that takes the mark off, so the target
	# verifies.
	expect 1 verified:socket "$FRAGMENTS"
}

@test "probe: NAT with nf_conntrack_checksum=0, as in the lab" {
	build routed
	build nat 0
	like_lab nat-nocsum "" -:v0
}

@test "probe: Mesos-like port mapping, as in the lab" {
	build mesos
	# tc redirects by port, which only the first fragment has: no datagram arrives complete.
	probe -n C --via nic
	expect 0 "$(lab mesos native)" "$WHOLE"
	expect 0 blocked "$FRAGMENTS"
	[ "$(json '.targets[0].no_v6')" = "it has no address" ]
	vouch veth - v0
	probe -n C --via nic
	expect 1 "$(lab mesos veth-2016)" "$WHOLE"
	stop veth
}

# The lab's lying NIC vouches for the outer checksum only; the probe's for both, like a card that
# knows tunnels.
@test "probe: VXLAN without outer checksum, as in the lab; a NIC that vouches falsely defeats it" {
	build routed
	build vxlan off
	like_lab vxlan "--via vx0" -:v0
	lying $CORRUPT --via vx0
}

@test "probe: VXLAN with outer checksum, as in the lab; a NIC that vouches falsely defeats it" {
	build routed
	build vxlan on
	like_lab vxlan-csum "--via vx0" -:v0
	FILTER=$WHOLE lying $CORRUPT --via vx0
	# UDP without a checksum of its own is verified by the outer one, so damage to it counts.
	probe -n C --via vx0
	[ "$(json '[.targets[].checks[] | select(.shape == "no-checksum" and .direction == "in") | .verdict + .by] | unique[]')" = verifiedouter-udp ]
	[ "$(json '[.targets[].checks[] | select(.direction == "out") | .verdict] | unique[]')" = verified ]
}

@test "probe: VXLAN over IPv6, without and with outer checksum, as in the lab" {
	build routed
	build vxlan off 6
	like_lab vxlan "--via vx0" -:v0
	world ip link del vx0
	world ip -n R link del vx0
	build vxlan on 6
	like_lab vxlan-csum "--via vx0" -:v0
}

@test "probe: VXLAN bound to a device, without learning, answering for others, on another port" {
	local as
	build routed
	for as in "dev nic" "dev nic nolearning" "dev nic nolearning proxy l2miss l3miss" "dstport 9999" \
		"dev nic dstport 9999"; do
		# shellcheck disable=SC2086 # words
		build vxlan on 4 $as
		# Only the probe's own address leads into the tunnel.
		build beside_vxlan
		probe -n C --via vx0
		expect 0 verified:outer-udp
		world ip link del vx0
		world ip -n R link del vx0
	done
}

@test "probe: VXLAN as a bridge's port, its containers beyond the host's routing" {
	build vxlan on
	build bridged_vxlan
	probe -n D --via vx0
	expect 0 verified:outer-udp
	run ! grep -q 02:74:73:75:6d <(world bridge fdb show)
}

@test "probe: VXLAN and no drop reasons: the counters say who caught it" {
	build routed
	build vxlan on
	# Without BTF the probe cannot read them.
	world mount -t tmpfs tsum-test /sys/kernel/btf || skip "no /sys/kernel/btf to hide"
	probe -n C --via vx0
	expect 0 verified:outer-udp
	probe -p 1 --via vx0
	expect 0 verified:outer-udp
	world ip link set vx0 type vxlan noudpcsum 2>/dev/null || {
		world ip link del vx0
		world ip -n R link del vx0
		build vxlan off
	}
	probe -n C --via vx0
	expect 0 verified:socket
}

@test "probe: VXLAN with a firewall that admits only known VTEPs is blocked, by the rule" {
	build routed
	build vxlan on
	world nft 'table inet t { chain input { type filter hook input priority 0; ip saddr != 10.5.0.1 udp dport 4789 drop; }; }'
	probe -n C --via vx0
	blocked 'a firewall rule on the host drops the answers to it' "$WHOLE"
}

@test "probe: VXLAN of a kind that the probe cannot be a VTEP of is refused" {
	build routed
	world ip link add vx1 type vxlan external dstport 4789
	refuses 3 'cannot be a remote VTEP of vx1.*external' --via vx1 -n C
	world ip link del vx1
	world ip link add vx1 type vxlan external gpe dstport 4790
	refuses 3 'cannot be a remote VTEP of vx1' --via vx1 -n C
	build vxlan on
	world ip addr add 198.51.100.9/24 dev nic
	refuses 3 '198\.51\.100\.2 .*needs that documentation address' --via vx0 -n C
	# Without --via the probe does not need that address.
	probe -n C
	expect 0 verified:socket
	run ! world ip link show tsumprobe
}

@test "probe: macvlan needs --via, and is as in the lab" {
	build stacked macvlan
	like_lab macvlan "--via nic"
	lying $CORRUPT --via nic
	probe -n C
	[ "$status" = 3 ]
	[[ $(json '.targets[0].no_v4') == *"eth0 (macvlan)"*"does not lead to this host's routing"* ]]
}

@test "probe: ipvlan needs --via, and is as in the lab" {
	build stacked ipvlan 2>"$WORK/why" || skip "$(grep -q 'not supported\|Unknown device type' "$WORK/why" && echo "this kernel has no ipvlan")"
	like_lab ipvlan "--via nic"
}

@test "probe: the host itself verifies, no matter what its containers' veths do" {
	build routed
	vouch veth - v0
	probe -p 1
	expect 0 verified:socket
	[ "$(json '.targets[0].name')" = host ]
	stop veth
}

# If tunnels or translation are in use anywhere on the machine, the kernel looks for the host's own
# sockets before it merges.
@test "probe: the host itself verifies beside a tunnel, too" {
	build vxlan off
	probe -p 1
	expect 0 verified:socket
}

# ---- Blocked -------------------------------------------------------------------------------------

# blocked REASON [FILTER]: nothing got through, and every reason matches
blocked() {
	local reasons
	expect 3 blocked "${2:-.}"
	reasons=$(json "[.targets[].checks[] | select(.direction == \"in\") | ${2:-.} | .reason] | unique[]")
	[ -n "$reasons" ]
	run -1 grep -vE "$1" <<<"$reasons"
}

@test "probe: blocked by a missing route" {
	build routed
	world ip -n C route del default
	world ip -n C -6 route del default
	probe -n C
	[ "$status" = 3 ]
	[ "$(json '.verdict, .targets[0].verdict, .targets[0].no_v4, .targets[0].no_v6' | uniq)" = "blocked
it has no route to the outside" ]
	[ "$(json '.targets[0].checks | length')" = 0 ]
}

@test "probe: blocked by forwarding that is off" {
	build routed
	world sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	probe -n C
	blocked '(no forwarding|does not forward)'
}

@test "probe: blocked by a rule, on the way out, on the way back, and with a refusal" {
	build routed
	world nft 'table inet t { chain forward { type filter hook forward priority 0; drop; }; }'
	probe -n C
	blocked 'a firewall rule on the host drops its packets'
	world nft 'flush ruleset; table inet t { chain forward { type filter hook forward priority 0; iifname tsumprobe drop; }; }'
	probe -n C
	blocked 'a firewall rule on the host drops the answers to it' "select(.shape != \"fragments\" or .family == 4)"
	world nft 'flush ruleset; table inet t { chain forward { type filter hook forward priority 0; reject; }; }'
	probe -n C
	blocked '(a firewall rule on the host|something on the way refuses)'
}

@test "probe: blocked by a rule in the target" {
	build routed
	world ip netns exec C nft 'table inet t { chain output { type filter hook output priority 0; drop; }; }'
	probe -n C
	blocked '(a firewall rule in the target drops|it is not permitted to send)'
}

@test "probe: blocked by rp_filter, for IPv4 only" {
	build routed
	# First let the neighbours learn each other: rp_filter leaves the container's ARP
	# unanswered, too.
	probe -n C
	expect 0 verified:socket
	world ip route add 10.6.0.2/32 dev nic
	world sysctl -qw net.ipv4.conf.all.rp_filter=1
	probe -n C
	[ "$(verdicts 'select(.family == 6)')" = verified:socket ]
	[ "$(verdicts 'select(.family == 4)')" = blocked ]
	[ "$(json '[.targets[].checks[] | select(.family == 4 and .direction == "in") | .reason] | unique[]')" = \
		"rp_filter (reverse path filter) on the host drops its packets" ]
	# Half of it is not proven: no success.
	[ "$status" = 3 ]
}

@test "probe: blocked, the device being down or without address" {
	build routed
	world ip link set v0 down
	probe -n C
	expect 3 blocked
	world ip link set v0 up
	world ip -n C addr flush dev eth0
	probe -n C
	[ "$status" = 3 ]
	[ "$(json '.targets[0] | .no_v4, .no_v6' | uniq)" = "it has no address" ]
}

@test "probe: wrong checksums in what the container sends are reported" {
	build routed
	# A broken driver sends such packets: a flip in the container's own UDP under the original
	# checksum.
	start flip "$TRUESUM" corrupt --netns C --dev eth0 --match udp --offset 3
	wait_for "world ip netns exec C tc filter show dev eth0 egress | grep -q tsum_corrupt"
	probe -n C
	[ "$status" = 1 ]
	json '[.targets[0].checks[] | select(.direction == "out" and .proto == "udp" and .shape == "single") | .verdict] | unique[]' |
		grep -qx $CORRUPT
	json '[.targets[0].checks[] | select(.direction == "out" and .proto == "tcp") | .verdict] | unique[]' |
		grep -qx verified
	stop flip
}

# ---- Refusals and bad targets --------------------------------------------------------------------

# refuses EXIT PATTERN ARG...: prints exactly one line, which matches
refuses() {
	local code=$1 pattern=$2
	shift 2
	probe "$@"
	[ "$status" = "$code" ]
	[ "$(wc -l <"$WORK/err")" = 1 ]
	grep -qE "^truesum probe: .*$pattern" "$WORK/err"
	[ ! -s "$WORK/out" ]
}

@test "probe: a documentation address in use: on the host, refused; at a target, not tried" {
	build routed
	world ip addr add 192.0.2.77/24 dev nic
	refuses 3 '192\.0\.2\.2 .*needs that documentation address' -n C
	world ip addr del 192.0.2.77/24 dev nic
	world ip -6 route add 2001:db8::/32 via fd05::1
	refuses 3 '2001:db8:7473:756d::2 .*needs that documentation address' -n C
	world ip -6 route del 2001:db8::/32 via fd05::1
	# A wider route is not a use of these addresses.
	world ip route add 192.0.0.0/16 via 10.5.0.1
	world ip -n C addr add 192.0.2.5/24 dev eth0
	probe -n C
	[ "$(verdicts 'select(.family == 6)')" = verified:socket ]
	[ "$(json '[.targets[0].checks[] | select(.family == 4)] | length')" = 0 ]
	[[ $(json '.targets[0].no_v4') == *"192.0.2.2, a documentation address"* ]]
}

@test "probe: bad targets are named, and nothing is built for them" {
	build routed
	refuses 3 'no process 4000000' -p 4000000
	refuses 3 "no network namespace 'nonesuch'" -n nonesuch
	world touch /run/netns/dead
	refuses 3 "'dead' is not a network namespace" -n dead
	refuses 3 "'/etc/passwd' is not a network namespace" -n /etc/passwd
	refuses 3 "no container 'nonesuch'" -c nonesuch
	refuses 3 "no device 'nonesuch'" --via nonesuch -n C
	probe -p 0
	[ "$status" = 2 ]
	probe --as-if nonesuch
	[ "$status" = 2 ]
	probe --kselftest
	[ "$status" = 2 ]
}

@test "probe: a process that ends before the probe, and a namespace that vanishes during it" {
	build routed
	world bash -c 'sleep 9 & echo $! >"$0/pid"; kill $!; wait' "$WORK" || true
	refuses 3 "no process $(cat "$WORK/pid")" -p "$(cat "$WORK/pid")"
	world bash -c '
		for i in $(seq 20); do
			ip netns add T$i
			ip link add t$i type veth peer name eth0 netns T$i
			ip -n T$i addr add 10.9.$i.2/24 dev eth0
			ip -n T$i link set eth0 up
			ip link set t$i up
			ip addr add 10.9.$i.1/24 dev t$i
			ip -n T$i route add default via 10.9.$i.1
		done'
	start vanish bash -c 'for i in $(seq 20); do ip netns del T$i; sleep 0.005; done'
	probe
	# Namespaces that stayed are judged, and no namespace that vanished is called unsafe or has
	# an odd verdict.
	[ "$status" != 1 ]
	[ "$status" != 2 ]
	jq -e '.targets | map(select(.name == "C")) | .[0].verdict == "verified"' "$WORK/out"
	jq -e '[.targets[].verdict] | all(. == "verified" or . == "blocked" or . == "unknown")' "$WORK/out"
	wait "${JOB[vanish]}"
}

@test "probe: without privilege it says so" {
	build routed
	local as kinds=("")
	# A chroot has no user namespaces.
	! world unshare -U -r true 2>/dev/null || kinds+=("unshare -U -r")
	# A place that every user may enter.
	world install -m 755 "$TRUESUM" /run/truesum
	for as in "${kinds[@]}"; do
		code=0
		# shellcheck disable=SC2086 # words
		world setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all $as \
			/run/truesum probe -n C >"$WORK/out" 2>"$WORK/err" || code=$?
		[ "$code" = 3 ]
		[ ! -s "$WORK/out" ]
		[ "$(wc -l <"$WORK/err")" = 1 ]
		grep -qE "run as (root|the host's root)" "$WORK/err"
	done
	run ! world ip link show tsumprobe
}

@test "probe: a container in its own user namespace is probed like any other" {
	world unshare -U -r true 2>/dev/null || skip "no user namespaces here (in a chroot there are none)"
	# This namespace is unprivileged, so its devices are made from outside.
	start rootless unshare -U -r -n sleep 60
	local pid
	pid=$(cat "$WORK/rootless.pid")
	world ip link add v0 type veth peer name eth0
	world ip link set eth0 netns "$pid"
	build addresses - v0 6 1
	world nsenter -t "$pid" -n bash -c '. "$0"; at_once; ip addr add 10.6.0.2/24 dev eth0; ip link set eth0 up
		ip route add default via 10.6.0.1' "$WORLD_FILE"
	probe -p "$pid"
	expect 0 verified:socket
	stop rootless || true
}

@test "probe: an isolated target is counted, not called safe" {
	build space I
	probe -n I
	[ "$(json '.targets[0].isolated')" = true ]
	[ "$(json '.targets[0].verdict')" = blocked ]
	[ "$(json .verdict)" = blocked ]
	[ "$status" = 3 ]
	# With other targets it changes nothing.
	build routed
	probe -n I -n C
	[ "$(json .verdict)" = verified ]
	[ "$status" = 0 ]
}

@test "probe: a second probe at the same time says why it cannot run" {
	build routed
	world sysctl -qw net.ipv4.ip_forward=0 # so that the first takes a while
	start first "$TRUESUM" probe -n C --json
	wait_for "world ip link show tsumprobe >/dev/null 2>&1"
	refuses 3 'another probe runs here' -n C
	wait "${JOB[first]}" || [ $? = 3 ]
	jq -e '.targets[0].name == "C"' "$WORK/first.out"
	world sysctl -qw net.ipv4.ip_forward=1
	probe -n C
	expect 0 verified:socket
}

# ---- Output --------------------------------------------------------------------------------------

@test "probe: JSON has the documented keys" {
	build routed
	probe
	jq -e '.command == "probe" and (.version | type) == "string" and (.seconds | type) == "number" and .as_if == ""
		and .foreign == 0 and .repeats == 0' "$WORK/out"
	jq -e '[.targets[].name] | contains(["host", "C", "R"])' "$WORK/out"
	jq -e '[.targets[] | has("name") and has("netns") and has("pid") and has("interfaces") and has("checks") and has("verdict")] | all' "$WORK/out"
	jq -e '.targets[] | select(.name == "C") | .interfaces == [{name: "eth0", kind: "veth", other_end: "v0", other_netns: "host"}]' "$WORK/out"
	jq -e '[.targets[].checks[] | has("proto") and has("family") and has("shape") and has("direction")
		and has("verdict") and has("by") and has("evidence")] | all and length >= 40' "$WORK/out"
	[ "$(json '.targets[] | select(.name == "C") | .netns')" = "$(world ip netns exec C readlink /proc/self/ns/net | tr -dc 0-9)" ]
	# {tcp, udp} x {4, 6} x {single, merged}, fragments, and no checksum if the family allows
	# that; both directions.
	[ "$(json '[.targets[] | select(.name == "C") | .checks[] | select(.direction == "in") | "\(.proto)\(.family)-\(.shape)"] | sort | join(" ")')" = \
		"tcp4-merged tcp4-single tcp6-merged tcp6-single udp4-fragments udp4-merged udp4-no-checksum udp4-single udp6-fragments udp6-merged udp6-single" ]
	jq -e '[.targets[] | select(.name == "C") | .checks[]] | (map(select(.direction == "in")) | length) == (map(select(.direction == "out")) | length)' "$WORK/out"
	# What was sent and what was read differ in one bit.
	vouch veth - v0
	probe -n C
	jq -e '[.targets[0].checks[] | select(.direction == "in" and .shape == "single") | .evidence | (.sent | length) == 256 and .sent != .read] | all and length == 4' "$WORK/out"
	stop veth
}

@test "probe: the text shows a row for each target, evidence and the next step" {
	build routed
	world "$TRUESUM" probe -n C >"$WORK/out"
	grep -qE '^Every target verifies what it receives: 1 of 1' "$WORK/out"
	grep -qE '^C +eth0 ⇄ v0 +verified: socket +verified: socket +verified: socket +verified: socket' "$WORK/out"
	vouch veth - v0
	code=0
	world "$TRUESUM" probe -n C >"$WORK/out" || code=$?
	[ "$code" = 1 ]
	grep -qE '^1 of 1 target delivers damaged data' "$WORK/out"
	grep -q '^    sent  …' "$WORK/out"
	grep -q '^    read  …' "$WORK/out"
	grep -q 'tc filter show dev v0 egress' "$WORK/out"
	grep -q 'nsenter --net=.*C ethtool -K eth0 rx off' "$WORK/out"
	run ! grep -q $'\033' "$WORK/out"
	stop veth
}

@test "probe: --kselftest is TAP, and what is wrong is not ok" {
	build routed
	vouch veth - v0
	code=0
	world "$TRUESUM" probe --kselftest >"$WORK/tap" || code=$?
	stop veth
	[ "$code" = 1 ]
	grep -q '^not ok .* C tcp ipv4 in$' "$WORK/tap"
	grep -q '^ok .* host tcp ipv4 in$' "$WORK/tap"
	# Header, plan, then as many results as planned, in order, and remarks.
	awk 'NR == 1 { if ($0 != "TAP version 13") exit 1; next }
		NR == 2 { if ($0 !~ /^1\.\.[0-9]+$/) exit 1; plan = substr($0, 4); next }
		/^# ./ { if ($0 ~ /: $/) exit 1; next }
		/^(not )?ok / { sub(/^not /, ""); if ($2 != ++n || NF < 4) exit 1; next }
		{ exit 1 }
		END { if (n != plan || n < 22) exit 1 }' "$WORK/tap"
}

# ---- Nothing on the wire, nothing left -----------------------------------------------------------

# none_on_the_wire COMMAND...: while it runs, no packet of the probe arrives at the uplink's other
# end
none_on_the_wire() {
	start wire ip netns exec R tcpdump -lni r0 net 192.0.2.0/24 or net 2001:db8::/32 or udp port 4789
	wait_for "grep -q 'listening on' $WORK/wire.err"
	"$@"
	sleep 0.3
	stop wire
	if grep -m 3 . "$WORK/wire.out"; then
		return 1
	fi
}

@test "probe: none of its packets are on the wire" {
	build routed
	none_on_the_wire probe
	[ "$(verdicts '.')" = verified:socket ]
}

@test "probe: none of its packets are on the wire, with --via the NIC" {
	build routed
	none_on_the_wire probe -n C --via nic
	expect 0 verified:socket
}

# The overlay's own packets are VXLAN, too, so tcpdump decodes everything on the wire.
@test "probe: none of its packets are on the wire, with --via a VXLAN device, whose own packets are" {
	build routed
	build vxlan on 4 dev nic
	start wire ip netns exec R tcpdump -lnvi r0 udp port 4789
	wait_for "grep -q 'listening on' $WORK/wire.err"
	world bash -c 'echo >/dev/udp/10.8.0.1/9'
	probe -n C --via vx0
	expect 0 verified:outer-udp
	build beside_vxlan
	probe -n C --via vx0
	expect 0 verified:outer-udp
	sleep 0.3
	stop wire
	grep -q '10\.8\.0\.2\.[0-9]* > 10\.8\.0\.1\.9' "$WORK/wire.out"
	run ! grep -E '192\.0\.2\.|198\.51\.100\.|2001:db8' "$WORK/wire.out"
}

@test "probe: none of its packets are on the wire if a bridge leads past the host" {
	build l2bridge
	none_on_the_wire probe -n C
	[ "$status" = 3 ]
	[ "$(json '.targets[0].checks | length')" = 0 ]
}

@test "probe: none of its packets are on the wire if a rule routes the container elsewhere" {
	build routed
	world ip rule add from 10.6.0.0/24 lookup 100
	world ip route add default via 10.5.0.1 table 100
	none_on_the_wire probe -n C
	[ "$status" = 3 ]
}

# Prints everything that a probe could leave in the world. Of neighbours and conntrack entries it
# omits the state.
state() {
	cat <<'END'
state() {
	local at dev
	for at in '' '-n C'; do
		ip $at -d -o link
		ip $at -o addr
		ip $at route show table all
		ip $at -6 route show table all
		ip $at rule
		ip $at -o neigh | awk '$1 !~ /^fe80/ { print "neighbour", $1, $3 }' | sort
		tc $at qdisc
	done
	bridge fdb show dev vx0 | grep -E "permanent|02:74:73:75:6d"
	for dev in lo nic v0 vx0; do
		tc filter show dev $dev ingress
		tc filter show dev $dev egress
		ethtool -k $dev
	done
	ip netns exec C ethtool -k eth0
	sysctl -a 2>/dev/null | grep -E "^net\.(ipv4|ipv6|core|netfilter)\." |
		grep -vE "conntrack_count|nf_log|icmp_msgs|tcp_fastopen_key|stable_secret|somaxconn_"
	ls /run/truesum 2>/dev/null
	ip netns exec C ss -tuna | grep -E "192\.0\.2|2001:db8"
	# Only the probe's own connections: others come and go.
	for at in host C; do
		{ [ $at = host ] && conntrack -L || ip netns exec C conntrack -L; } 2>/dev/null
		{ [ $at = host ] && conntrack -L -f ipv6 || ip netns exec C conntrack -L -f ipv6; } 2>/dev/null
	done | grep -E "192\.0\.2\.|2001:db8:"
	bpftool prog show name tsum_gate
	bpftool prog show name tsum_gate_out
	bpftool prog show name tsum_drop
} 2>/dev/null
settled() {
	for _ in $(seq 10); do
		state >"$WORK/after"
		cmp -s "$WORK/before" "$WORK/after" && return 0
		sleep 0.1
	done
	diff "$WORK/before" "$WORK/after"
	return 1
}
# Lets all neighbours learn each other, so that the probe adds none.
meet() {
	for to in 10.6.0.2 fd06::2 10.5.0.1 fd05::1 10.8.0.1 fd08::1; do echo >/dev/udp/$to/9; done 2>/dev/null
	ip netns exec C bash -c "for to in 10.6.0.1 fd06::1; do echo >/dev/udp/\$to/9; done" 2>/dev/null
	sleep 0.1
}
END
}

@test "probe: --dry-run prints what it would do, and changes nothing" {
	build routed
	build vxlan on
	world bash -c "$(state)"'
		state >"$WORK/before"
		"$TRUESUM" probe --dry-run >"$WORK/plan" || exit
		"$TRUESUM" probe --dry-run --via nic --as-if lying-nic -n C >"$WORK/plan.via" || exit
		"$TRUESUM" probe --dry-run --via vx0 -n C >"$WORK/plan.vxlan" || exit
		settled' || false
	grep -q 'TAP device tsumprobe' "$WORK/plan"
	grep -qx '  C' "$WORK/plan"
	grep -qx '  host' "$WORK/plan"
	grep -q 'nic' "$WORK/plan.via"
	run ! grep -q 'VTEP' "$WORK/plan.via"
	grep -q '198\.51\.100\.1 .*vx0' "$WORK/plan.vxlan"
	grep -q 'two forwarding entries .*vx0' "$WORK/plan.vxlan"
	run ! grep -qx '  host' "$WORK/plan.via"
}

@test "probe: nothing is left, with the TAP, the NIC, a VXLAN, the container's own veth, and after an interruption" {
	build routed
	build vxlan on
	build beside_vxlan
	build nat 1
	world bash -c "$(state)"'
		meet
		state >"$WORK/before"
		"$TRUESUM" probe -n C >/dev/null || exit
		settled || exit
		"$TRUESUM" probe -n C --via nic >/dev/null || exit
		settled || exit
		"$TRUESUM" probe -n C --via v0 >/dev/null
		settled || exit
		"$TRUESUM" probe -n C --via vx0 >/dev/null || exit
		settled || exit
		for signal in INT TERM; do
			sysctl -qw net.ipv4.ip_forward=0
			setsid "$TRUESUM" probe -n C --via nic >/dev/null 2>&1 &
			sleep 0.3
			kill -s $signal $!
			wait $!
			[ $? = 3 ] || exit
			sysctl -qw net.ipv4.ip_forward=1
			settled || exit
		done'
}

# sigkills SEED ARG...: kills 25 probes at random moments, most of them while they run. The next run
# restores the state.
sigkills() {
	local seed=$1
	shift
	build routed
	build vxlan on
	build beside_vxlan
	build nat 1
	world env SEED="$seed" bash -c "$(state)"'
		meet
		"$TRUESUM" probe -n C "$@" >/dev/null || exit
		settled >/dev/null
		meet
		state >"$WORK/before"
		! grep -E "192\.0\.2|2001:db8" "$WORK/before" || exit
		killed=0
		RANDOM=$SEED
		for i in $(seq 25); do
			"$TRUESUM" probe -n C "$@" >/dev/null 2>&1 &
			pid=$!
			sleep "0.$(printf %03d $((RANDOM % 90)))"
			kill -KILL $pid 2>/dev/null
			wait $pid 2>/dev/null
			[ $? != 137 ] || ((killed++))
			((i % 12 && i != 25)) && continue
			"$TRUESUM" probe -n C "$@" >/dev/null 2>"$WORK/err" || { cat "$WORK/err"; exit 1; }
			settled || exit 1
		done
		echo "$killed of 25 were killed"
		((killed >= 12))' bash "$@"
}

@test "probe: 25 SIGKILLs at random moments leave nothing after the next run" {
	sigkills 1
}

@test "probe: 25 more with --via leave nothing after the next run" {
	sigkills 2 --via nic
}

@test "probe: 25 more with --via a VXLAN device leave nothing after the next run" {
	sigkills 3 --via vx0
}

# The kernel removes the probe's addresses after two minutes.
@test "probe: after SIGKILL, clean removes the forwarding entries, neighbours and filter from a VXLAN device" {
	build routed
	build vxlan on
	build beside_vxlan
	world sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 # so that it takes a while
	start killed "$TRUESUM" probe -n C --via vx0
	wait_for "world ip neigh show dev vx0 | grep -q 2001:db8"
	[ "$(world bridge fdb show dev vx0 | grep -c '02:74:73:75:6d:0[23] .*permanent')" = 2 ]
	stop killed KILL || true
	world "$TRUESUM" clean >"$WORK/clean"
	grep -q 'vx0: forwarding entry removed' "$WORK/clean"
	grep -q 'vx0: neighbour removed' "$WORK/clean"
	run ! grep -q . <(world bridge fdb show dev vx0 | grep 02:74; world ip neigh show dev vx0 | grep -E '192\.0\.2|2001:db8'
		world tc filter show dev vx0 egress; world ls /run/truesum)
}
