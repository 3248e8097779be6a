#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum guard apply`, `status` and `revert`: for an emulated defect they find a mitigation that
# works, or say why there is none; with it everything verifies; and revert restores every byte.
# shellcheck disable=SC2016,SC2030,SC2031 # scripts expand in the world; each test has its $status

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/guard_world.bash
source "$BATS_TEST_DIRNAME/guard_world.bash"

MARK=${MARK:-$BATS_TEST_DIRNAME/../../build/tools/mark}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -p -f --mount-proc true 2>/dev/null || skip "needs network, mount and PID namespaces"
	start_guard_world 120
}

# mark NS|- DEV DIRECTION PROGRAM PRIORITY: attaches the program for the rest of the test
mark() {
	local in=()
	[ -x "$MARK" ] || skip "no $MARK (make toolbox)"
	[ "$1" = - ] || in=(ip netns exec "$1")
	world "${in[@]}" "$MARK" "${@:2}" 2>"$WORK/why" || skip "$(cat "$WORK/why")"
}

# statement NS|- DEV: makes the veth end do what veth did before Linux 4.4, by the lab's program
statement() { mark "$1" "$2" egress tsum_veth_2016 1; }

# ---- Finding a mitigation ------------------------------------------------------------------------

@test "guard: if everything verifies, there is nothing to do" {
	build routed
	state >"$WORK/before"
	guard apply
	[ "$status" = 0 ]
	grep -q '^Nothing to do: 3 of 3 targets verify what they receive' "$WORK/out"
	state | diff "$WORK/before" -
	apply 0
	[ "$(json .probes)" = 1 ]
	[ "$(on policy)" = "" ]
	guard status
	[ "$status" = 0 ]
	grep -q '^No mitigation is on' "$WORK/out"
	grep -q 'nothing on veth (needs-nothing: proven)' "$WORK/out"
	guard revert
	[ "$status" = 0 ]
	unchanged
}

@test "guard: routed over a veth that vouches: a reset in the container helps" {
	build routed
	vouch veth - v0
	protects "" veth:reset
	stop veth
}

@test "guard: with the 2016 statement rx-off is the narrowest mitigation, also with GRO in the container" {
	build routed
	statement - v0
	protects "" veth:rx-off
	world ip netns exec C ethtool -K eth0 gro on
	protects "" veth:rx-off
	world tc qdisc del dev v0 clsact
}

@test "guard: nested containers, both veths with the statement: each gets rx-off on its own end" {
	build nested
	statement - v0
	statement M w0
	# A filter of others is in M, and M forwards what C gets: neither tells of other containers.
	protects "" veth:rx-off,reset
	# The first veth's claim passes the second one, so rx-off on C alone is not enough.
	apply 0 -n C
	[ "$(on C)" = reset ]
	[ "$(json '.targets[0].tried | join(" ")')" = rx-off ]
	guard revert
}

@test "guard: routed to a bridge" {
	build bridge
	vouch veth - v0
	protects "" veth:reset
	stop veth
}

@test "guard: a bridge with the NIC as a port" {
	build l2bridge
	vouch veth - v0
	# R has a veth, too, and is no target: so what is proven of C is not concluded of others.
	protects "--via nic -n C" veth:rx-off,reset
	stop veth
}

@test "guard: NAT, with conntrack verification off" {
	build routed
	build nat 0
	vouch veth - v0
	protects "" veth:reset
	stop veth
}

@test "guard: through a VXLAN device" {
	build routed
	build vxlan off
	vouch veth - v0
	protects "--via vx0 -n C -p 1" veth:rx-off,reset
	stop veth
}

@test "guard: a NIC that vouches falsely: a reset on the NIC protects all containers" {
	build routed
	protects "--via nic --as-if lying-nic" nic:reset
	apply 0 --as-if lying-nic -n C
	[ "$(on C)" = reset ]
	guard revert
	# Without the device (--via) the host itself cannot be judged.
	apply 1 --as-if lying-nic
	[ "$(on C)" = reset ]
	[ "$(json '.targets[] | select(.name == "host") | .after')" = delivers-corrupt ]
	json '.targets[] | select(.name == "host") | .reason' | grep -q -- '--via'
	guard revert
}

@test "guard: a macvlan over a NIC that vouches falsely" {
	build stacked macvlan
	protects "--via nic --as-if lying-nic -n C" macvlan:reset
}

@test "guard: no mitigation reaches packets that GRO merged after a device vouched; the report says so" {
	build nested
	# Single datagrams enter M, which merges them and forwards them.
	world ethtool -K v0 tso off gso off tx-udp-segmentation off
	world ip netns exec M ethtool -K eth0 gro on rx-udp-gro-forwarding on ||
		skip "no GRO of forwarded datagrams in this kernel"
	world ip netns exec M sh -c 'echo 20000000 >/sys/class/net/eth0/gro_flush_timeout
		echo 100 >/sys/class/net/eth0/napi_defer_hard_irqs'
	vouch veth - v0
	state >"$WORK/before"
	# M holds them for one tick at most, so whether two meet there is chance.
	for _ in $(seq 20); do
		guard apply
		[ "$status" = 0 ] || break
		guard revert
	done
	[ "$status" = 1 ] || skip "they did not meet, 20 times; tests/unit/test_explain.c has the words"
	cat "$WORK/out"
	grep -q '^Cannot protect: 1 of 4 targets still delivers damaged data' "$WORK/out"
	grep -qE '^C cannot be protected: udp(-merged)? v6: (packets that GRO merges after a device vouched|tried)' \
		"$WORK/out"
	grep -qE '^C +eth0 +DELIVERS CORRUPT +DELIVERS CORRUPT +rx-off, reset$' "$WORK/out"
	guard revert
	unchanged
	stop veth
}

@test "guard: a device that vouches after every possible mitigation cannot be helped, but conntrack can verify before it" {
	build routed
	mark C eth0 ingress tsum_vouch 30
	state >"$WORK/before"
	apply 1
	# Nothing helps, so everything that may help stays on.
	[ "$(on C)" = "rx-off reset" ]
	[ "$(json '.targets[] | select(.name == "C") | .tried | join(" ")')" = "rx-off reset" ]
	json '.targets[] | select(.name == "C") | .reason' | grep -q 'tried, without effect: rx-off, reset$'
	guard revert
	unchanged
	# If every packet is translated, the host drops the damaged ones before any device vouches.
	build nat 0
	# Somebody's filter is in C, so that nothing is concluded from it about other containers.
	protects "" "veth:rx-off,reset host:conntrack-checksum"
	[ "$(world sysctl -n net.netfilter.nf_conntrack_checksum)" = 0 ]
	apply 0
	world sysctl -qw net.netfilter.nf_conntrack_checksum=0
	guard status
	[ "$status" = 1 ]
	grep -qE '^host +- +conntrack-checksum +DRIFTED' "$WORK/out"
	guard revert
	unchanged
}

@test "guard: it cannot help a target that sends wrong checksums, and says so" {
	build routed
	start flip "$TRUESUM" corrupt --netns C --dev eth0 --match udp --offset 3
	wait_for "world ip netns exec C tc filter show dev eth0 egress | grep -q tsum_corrupt"
	state >"$WORK/before"
	apply 1 -n C
	[ "$(on C)" = "" ]
	json '.targets[0].reason' | grep -q 'what it sends has wrong checksums'
	guard revert
	unchanged
	stop flip
}

@test "guard: a target that cannot be probed gets no mitigation, unless one is named" {
	build routed
	vouch veth - v0
	world ip -n C route del default
	world ip -n C -6 route del default
	state >"$WORK/before"
	apply 3 -n C
	[ "$(on C)" = "" ]
	[ "$(json '.targets[0].after')" = blocked ]
	json '.targets[0].reason' | grep -q 'no route'
	guard revert
	unchanged
	stop veth
}

@test "guard: of several containers, it changes only the one that delivers damage" {
	build routed
	world bash -euc '. "$0"
		space D
		ip link add d0 type veth peer name eth0 netns D
		addresses - d0 7 1
		addresses D eth0 7 2
		gateway D 7 1' "$WORLD_FILE"
	vouch veth - d0
	apply 0
	[ "$(on D)" = reset ]
	[ "$(on C)" = "" ]
	guard revert -n C
	grep -q '^There was nothing to undo' "$WORK/out"
	[ "$(world ip netns exec D tc filter show dev eth0 ingress | grep -c tsum_reset)" -gt 0 ]
	guard revert -n D
	grep -q 'D eth0: reset removed' "$WORK/out"
	stop veth
}

@test "guard: IPv4 and IPv6 use two devices: both get the mitigation" {
	build routed
	world bash -euc '
		ip link add v1 type veth peer name eth1 netns C
		ip addr add fd09::1/64 dev v1 nodad
		ip link set v1 up
		ip -n C addr add fd09::2/64 dev eth1 nodad
		ip -n C link set eth1 up
		ip -n C -6 route replace default via fd09::1
		ip -n C -6 addr del fd06::2/64 dev eth0'
	vouch veth0 - v0
	vouch veth1 - v1
	protects "" veth:reset
	apply 0 -n C
	[ "$(json '.targets[0].devices | join(" ")')" = "eth0 eth1" ]
	guard revert
	stop veth0
	stop veth1
}

# ---- Mitigations by name -------------------------------------------------------------------------

@test "guard: mitigations named on the command line are put on, needed or not, and probed" {
	build routed
	state >"$WORK/before"
	apply 0 -n C --mitigation rx-off,reset
	[ "$(on C)" = "rx-off reset" ]
	[ "$(json .policy.proven)" = 0 ]
	[ "$(on policy)" = veth:rx-off,reset ]
	world ip netns exec C ethtool -k eth0 | grep -q 'rx-checksumming: off'
	# A run for the host alone keeps the policy's row for veths.
	apply 0 -p 1
	[ "$(on policy)" = veth:rx-off,reset ]
	guard revert
	unchanged

	build vxlan off
	state >"$WORK/before"
	apply 0 -n C --mitigation tx-off --tunnel vx0
	[ "$(on policy)" = vx0:tx-off ]
	world ethtool -k vx0 | grep -q 'tx-checksum-ip-generic: off'
	guard revert
	unchanged
}

@test "guard: a run for one target keeps what the policy says of the host; a run for all does not" {
	build routed
	world bash -c 'mkdir -p /var/lib/truesum; printf "{\"version\":1,\"kernel\":\"%s\",\"proven\":1,
		\"verdict\":\"verified\",\"containers\":[],\"devices\":[],\"host\":[\"conntrack-checksum\"]}" \
		"$(uname -r)" >/var/lib/truesum/policy.json'
	apply 0 -n C
	[[ " $(on policy) " == *" host:conntrack-checksum "* ]]
	apply 0
	[[ " $(on policy) " != *" host:"* ]]
}

@test "guard: a named mitigation that cannot be put on is reported" {
	build routed
	apply 3 -n C --mitigation rx-off,tx-off --tunnel lo
	json .problem | grep -q '^tx-off could not be put on lo of host: '
	[ "$(on C)" = rx-off ]
	guard revert
}

@test "guard: wrong usage is reported, and nothing is done" {
	build routed
	state >"$WORK/before"
	for args in "--mitigation nonesuch" "--mitigation tx-off" "--as-if nonesuch" "--dry-run --json"; do
		# shellcheck disable=SC2086 # words
		guard apply $args
		[ "$status" = 2 ]
		[ "$(wc -l <"$WORK/err")" = 1 ]
	done
	guard apply --mitigation nonesuch
	grep -q 'known: rx-off, reset, conntrack-checksum, tx-off, all, auto' "$WORK/err"
	for args in "--via nonesuch" "--tunnel nonesuch" "-n nonesuch"; do
		# shellcheck disable=SC2086
		guard apply $args
		[ "$status" = 3 ]
		grep -q nonesuch "$WORK/err"
	done
	unchanged
}

@test "guard: --dry-run shows what would be tried, target by target, and changes nothing" {
	build routed
	vouch veth - v0
	state >"$WORK/before"
	guard apply --dry-run --via nic --tunnel nic
	[ "$status" = 0 ]
	grep -q '^  C: rx-off, reset on eth0$' "$WORK/out"
	grep -q '^  reset on nic$' "$WORK/out"
	grep -q '^  tx-off on nic$' "$WORK/out"
	guard apply --dry-run --mitigation reset
	grep -q '^  C: reset on eth0$' "$WORK/out"
	unchanged
	apply 0
	state >"$WORK/protected"
	guard revert --dry-run
	[ "$status" = 0 ]
	grep -q 'C eth0: reset would be removed' "$WORK/out"
	state | diff "$WORK/protected" -
	guard revert
	unchanged
	stop veth
}

# ---- Later changes -------------------------------------------------------------------------------

@test "guard: drift is reported; apply repairs it; revert restores the first value" {
	build routed
	statement - v0
	state >"$WORK/before"
	apply 0
	world ip netns exec C ethtool -K eth0 rx on
	guard status
	[ "$status" = 1 ]
	grep -q '^Drifted: 1 of 1 change' "$WORK/out"
	grep -qE '^C +eth0 +rx-off +DRIFTED +rx-checksum on$' "$WORK/out"
	apply 0
	[ "$(json '.targets[] | select(.name == "C") | .before')" = delivers-corrupt ]
	[ "$(on C)" = rx-off ]
	guard status
	[ "$status" = 0 ]
	grep -qE '^C +eth0 +rx-off +in force +rx-checksum on$' "$WORK/out"
	guard revert
	grep -q 'C eth0: rx-off undone, rx-checksum is on again' "$WORK/out"
	unchanged
}

@test "guard: a filter that another program removed is reported, and put on again" {
	build routed
	vouch veth - v0
	state >"$WORK/before"
	apply 0
	world ip netns exec C tc qdisc del dev eth0 clsact
	guard status
	[ "$status" = 1 ]
	apply 0
	[ "$(on C)" = reset ]
	guard status
	[ "$status" = 0 ]
	guard revert
	unchanged
	stop veth
}

@test "guard: killed in the middle, by any signal: everything is as before" {
	build routed
	vouch veth - v0
	state >"$WORK/before"
	for signal in KILL TERM INT; do
		start apply "$TRUESUM" guard apply --via nic --as-if lying-nic
		wait_for "world find /run/truesum/guard -type f | grep -q ."
		stop apply "$signal" || true
		[ "$signal" = KILL ] || {
			# By itself it undoes what it did.
			[ -z "$(world find /run/truesum/guard -type f)" ]
			state | diff "$WORK/before" -
		}
		guard revert
		[ "$status" = 0 ]
		unchanged
	done
	stop veth
}

@test "guard: two runs at a time wait for each other" {
	build routed
	vouch veth - v0
	state >"$WORK/before"
	start one "$TRUESUM" guard apply
	start two "$TRUESUM" guard apply
	wait "${JOB[one]}"
	wait "${JOB[two]}"
	guard status --json
	[ "$(json '.changes | length')" = 1 ]
	guard revert
	unchanged
	stop veth
}

@test "guard: another program's clsact and filters stay, whether added before or after" {
	build routed
	vouch veth - v0
	world ip netns exec C tc qdisc add dev eth0 clsact
	world ip netns exec C tc filter add dev eth0 ingress prio 1 protocol ip u32 match ip dport 9 0xffff flowid 1:1
	# So nothing is concluded from C about other containers.
	protects "" veth:rx-off,reset
	world ip netns exec C tc qdisc del dev eth0 clsact
	apply 0
	world ip netns exec C tc filter add dev eth0 ingress prio 9 protocol ip u32 match ip dport 9 0xffff flowid 1:1
	guard revert
	[ "$status" = 0 ]
	world ip netns exec C tc filter show dev eth0 ingress >"$WORK/filters"
	grep -q 'pref 9 u32' "$WORK/filters"
	run -1 grep tsum "$WORK/filters"
	stop veth
}

@test "guard: deleted containers, and records of an earlier boot, are not drift" {
	build routed
	vouch veth - v0
	apply 0
	stop veth
	world ip netns delete C
	guard status
	[ "$status" = 0 ]
	grep -q '^No mitigation is on' "$WORK/out"
	[ -z "$(world find /run/truesum/guard -type f)" ]
	# The policy stays.
	grep -q 'containers: reset on veth (protected: proven to help)' "$WORK/out"

	build routed
	vouch veth - v0
	apply 0
	world bash -c 'sed -i "s/\"boot\":\"[^\"]*\"/\"boot\":\"another\"/" /run/truesum/guard/*'
	guard revert
	[ "$status" = 0 ]
	grep -q 'before the last reboot is no longer in force' "$WORK/out"
	[ -z "$(world find /run/truesum/guard /var/lib/truesum -type f)" ]
	[ "$(world ip netns exec C tc filter show dev eth0 ingress | grep -c tsum_reset)" -gt 0 ]
	stop veth
}

@test "guard: revert also restores a namespace that only a descriptor keeps alive" {
	build routed
	vouch veth - v0
	apply 0
	start holder bash -c 'exec 9</run/netns/C; exec sleep 60'
	wait_for "world grep -q ^sleep /proc/$(cat "$WORK/holder.pid")/comm"
	world umount -l /run/netns/C
	guard status
	[ "$status" = 0 ]
	grep -q 'reset' "$WORK/out"
	guard revert
	[ "$status" = 0 ]
	grep -q 'reset removed' "$WORK/out"
	world nsenter "--net=/proc/$(cat "$WORK/holder.pid")/fd/9" tc qdisc show dev eth0 >"$WORK/qdiscs"
	run -1 grep clsact "$WORK/qdiscs"
	stop veth
	stop holder KILL || true
}

@test "guard: a broken record and a broken policy are reported, and everything else is restored" {
	build routed
	vouch veth - v0
	state >"$WORK/before"
	apply 0
	world sh -c 'echo nonsense >/run/truesum/guard/1-1; echo nonsense >/var/lib/truesum/policy.json'
	guard status
	[ "$status" = 3 ]
	grep -q '/var/lib/truesum/policy.json: ' "$WORK/err"
	guard revert
	[ "$status" = 3 ]
	grep -q '/run/truesum/guard/1-1' "$WORK/err"
	state | diff "$WORK/before" -
	world rm /run/truesum/guard/1-1
	guard revert
	[ "$status" = 0 ]
	unchanged
	stop veth
}

@test "guard: without privilege it says so" {
	build routed
	world cp "$TRUESUM" /run/tool
	status=0
	world setpriv --reuid 65534 --regid 65534 --clear-groups /run/tool guard apply >"$WORK/out" 2>"$WORK/err" || status=$?
	cat "$WORK/err"
	[ "$status" = 3 ]
	[ "$(wc -l <"$WORK/err")" = 1 ]
}
