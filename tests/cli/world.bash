# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # what is set here, tests use
#
# A live veth pair for `truesum corrupt`: a sender (namespace A, device va) and a receiver (B, vb).
# Both, and a /run for the journal, are in namespaces of one process that ends with the test.

TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
WORK=$BATS_TEST_TMPDIR

make_world() {
	mount -t tmpfs tsum-test /run
	mkdir /run/netns
	ip netns add A
	ip netns add B
	ip link add va netns A type veth peer name vb netns B
	for side in A:va:1 B:vb:2; do
		IFS=: read -r ns dev n <<<"$side"
		ip -n "$ns" addr add "10.9.0.$n/24" dev "$dev"
		ip -n "$ns" addr add "fd09::$n/64" dev "$dev" nodad
		ip -n "$ns" link set lo up
		ip -n "$ns" link set "$dev" up
	done
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m true 2>/dev/null || skip "needs network and mount namespaces"
	unshare -n -m bash -euc "$(declare -f make_world); make_world; touch $WORK/ready; exec sleep 120" \
		>"$WORK/world" 2>&1 3>&- &
	WORLD=$!
	IN_WORLD=(nsenter -t "$WORLD" -n -m -r) # -r: in a chroot, too
	wait_for "test -e $WORK/ready" || { cat "$WORK/world"; return 1; }
}

teardown() {
	[ -z "$WORLD" ] || kill "$WORLD" 2>/dev/null || true
}

# Waits until the command succeeds, at most ten seconds.
wait_for() {
	for _ in $(seq 500); do
		eval "$1" && return 0
		sleep 0.02
	done
	return 1
}

# Runs a command in the world. In the background use "${IN_WORLD[@]}" instead: after a function, $!
# is the number of a shell, not of the program.
world() { "${IN_WORLD[@]}" "$@"; }
in_a() { world ip netns exec A "$@"; }
in_b() { world ip netns exec B "$@"; }

# Prints everything that corrupt changes on the sender's device.
state() {
	in_a ethtool -k va
	in_a tc qdisc show dev va
	in_a tc filter show dev va ingress
	in_a tc filter show dev va egress
}

# start_corrupt ARG...: starts it in A, in the background; returns when its filter exists. Its
# output goes to $WORK/out
start_corrupt() {
	"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns A --dev va "$@" >"$WORK/out" 2>"$WORK/err" 3>&- &
	CORRUPT=$!
	wait_for "[ \$(filters va A) -ge 1 ]" || { cat "$WORK/err"; return 1; }
}

filters() {
	{
		world ip netns exec "$2" tc filter show dev "$1" egress
		world ip netns exec "$2" tc filter show dev "$1" ingress
	} | grep -c tsum_corrupt || true
}

# json KEY: prints it from the output of the last run
json() { jq -r "$1" "$WORK/out"; }
