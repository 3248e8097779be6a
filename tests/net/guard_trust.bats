#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2034,SC2317 # the scripts run in the world, not here
#
# What `truesum guard` concludes if somebody works against it: tenants who set something in their
# own containers, a proof that hangs, a lock that is removed. Each test plays a host of its own, in
# fresh network, mount and PID namespaces.

TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TRUESUM=$(realpath "$TRUESUM")
TOOLS=$(dirname "$TRUESUM")/tools
export TRUESUM TOOLS
# The sandbox forbids the sanitizers' leak check; another test measures memory.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -p -f --mount-proc true 2>/dev/null || skip "needs network, mount and PID namespaces"
	[ -x "$TOOLS/mark" ] || skip "needs make toolbox"
}

helpers() {
	make_world() {
		mount -t tmpfs tsum-test /run
		mkdir -p /run/netns /var/lib/truesum
		mount -t tmpfs tsum-test /var/lib/truesum
		ip link set lo up
		sysctl -qw net.ipv4.ip_forward=1
	}
	# Waits until the command succeeds, at most 15 seconds.
	wait_for() {
		for _ in $(seq 750); do
			eval "$1" && return 0
			sleep 0.02
		done
		echo "in vain: $1"
		cat /run/log || true
		return 1
	}
	# container NAME NUMBER: routed over a veth
	container() {
		ip netns add "$1"
		ip link add "h$1" type veth peer name eth0 netns "$1"
		ip addr add "10.9.$2.1/24" dev "h$1"
		ip link set "h$1" up
		ip -n "$1" link set lo up
		ip -n "$1" addr add "10.9.$2.2/24" dev eth0
		ip -n "$1" link set eth0 up
		ip -n "$1" route add default via "10.9.$2.1"
	}
	# The veth of that container behaves as before Linux 4.4: it delivers damage.
	old_veth() { "$TOOLS/mark" "h$1" egress tsum_veth_2016 1; }
	rx_is() { ip netns exec "$1" ethtool -k eth0 | grep -q "^rx-checksumming: $2"; }
	has_reset() { ip netns exec "$1" tc filter show dev eth0 ingress 2>/dev/null | grep -q tsum_reset; }
	start() {
		"$TRUESUM" guard run "$@" >/run/out 2>/run/log 3>&- &
		guard=$!
		wait_for 'grep -q "ready: " /run/log'
	}
	stop() {
		kill "$guard"
		wait "$guard"
	}
	# The state of veths in the policy, and what they get.
	kind() { jq -r ".containers[] | select(.kind == \"veth\") | .state + \":\" + (.mitigations | join(\",\"))" /var/lib/truesum/policy.json; }
	exit_code() {
		local code=0
		"$@" >/run/said 2>&1 || code=$?
		echo "$code"
	}
}

# The world's script; then what is $0 in it.
world() {
	unshare -n -m -p -f --mount-proc --kill-child bash -euc "$(declare -f helpers); helpers; make_world; $1" "${@:2}" 3>&-
}

# ---- States of a kind ----------------------------------------------------------------------------

@test "guard: what nothing helps keeps everything that may help; apply and status exit 1 and say what was tried" {
	world '
		container a 1; container b 2
		ip netns exec a "$TOOLS/mark" eth0 ingress tsum_vouch 49000
		[ "$(exit_code "$TRUESUM" guard apply)" = 1 ]
		grep -q "nothing-helps: damage is delivered in spite of everything; tried: rx-off, reset" /run/said
		[ "$(kind)" = nothing-helps:rx-off,reset ]
		rx_is a off && has_reset a && rx_is b off && has_reset b
		[ "$(exit_code "$TRUESUM" guard status)" = 1 ]
		grep -q "nothing-helps: .*; tried: rx-off, reset" /run/said
		[ "$(exit_code "$TRUESUM" guard status --json)" = 1 ]
		jq -e ".policy.containers[0] | .state == \"nothing-helps\" and .tried == [\"rx-off\", \"reset\"]" /run/said
		"$TRUESUM" guard revert
		# The daemon, too.
		start
		wait_for "grep -q \"^policy: .*nothing-helps\" /run/log"
		wait_for "rx_is a off && has_reset a && rx_is b off && has_reset b"
		! grep -q "need nothing\|needs-nothing" /run/log
		stop
		[ "$(exit_code "$TRUESUM" guard status)" = 1 ]
		# Without that container the rest is unproven, as everything is on.
		ip netns del a
		[ "$(exit_code "$TRUESUM" guard apply)" = 0 ]
		[ "$(kind)" = unproven:rx-off,reset ]
	'
}

@test "guard: needs-nothing and protected, by apply; a run for some of the containers lowers nothing" {
	world '
		container a 1; container b 2
		"$TRUESUM" guard apply -n a >/run/said
		[ "$(kind)" = unproven:rx-off,reset ]
		"$TRUESUM" guard apply >/run/said
		[ "$(kind)" = needs-nothing: ]
		grep -q "nothing on veth (needs-nothing: proven)" /run/said
		old_veth b
		"$TRUESUM" guard apply >/run/said
		[ "$(kind)" = protected:rx-off ]
		rx_is b off && rx_is a on
		"$TRUESUM" guard apply -n a >/run/said
		[ "$(kind)" = protected:rx-off ]
		"$TRUESUM" guard apply >/run/said
		[ "$(kind)" = protected:rx-off ]
	'
}

@test "guard: a policy of version 1 is carried over, and proven again" {
	world '
		container a 1; old_veth a
		printf "{\"version\":1,\"kernel\":\"%s\",\"proven\":1,\"verdict\":\"verified\",\"containers\":[{\"kind\":\"veth\",
			\"mitigations\":[]},{\"kind\":\"macvlan\",\"mitigations\":[\"reset\"]}],\"devices\":[],\"host\":[]}" "$(uname -r)" \
			>/var/lib/truesum/policy.json
		"$TRUESUM" guard status --json >/run/said
		jq -e ".policy.containers == [{\"kind\": \"veth\", \"state\": \"needs-nothing\", \"mitigations\": [], \"tried\": []},
			{\"kind\": \"macvlan\", \"state\": \"protected\", \"mitigations\": [\"reset\"], \"tried\": []}]" /run/said
		start
		wait_for "[ \"\$(jq .version /var/lib/truesum/policy.json)\" = 2 ]"
		[ "$(kind)" = protected:rx-off ]
		jq -e ".containers[] | select(.kind == \"macvlan\") | .mitigations == [\"reset\"]" /var/lib/truesum/policy.json
		stop
	'
}

@test "guard: apply that cannot write its policy takes back what it put on, and says so" {
	world '
		container a 1; old_veth a
		mount -t tmpfs -o ro tsum-test /var/lib/truesum
		[ "$(exit_code "$TRUESUM" guard apply)" = 3 ]
		grep -q "policy.json.*what this run had put on was taken back" /run/said
		rx_is a on
		[ "$(find /run/truesum/guard -type f | wc -l)" = 0 ]
		umount /var/lib/truesum
		"$TRUESUM" guard apply
		rx_is a off
	'
}

# ---- Tenants -------------------------------------------------------------------------------------

# The next container delivers damage unless it is protected.
next_is_protected='
		container next 9; old_veth next
		wait_for "rx_is next off && has_reset next"
		"$TRUESUM" probe -n next
		stop'

@test "guard: what a tenant sets in its own container proves nothing about the next one: rx off, nft, tc, a qdisc" {
	for setting in "ethtool -K eth0 rx off" \
		"nft add table inet mine" \
		"tc qdisc add dev eth0 clsact; ip netns exec a tc filter add dev eth0 ingress protocol ip u32 match u32 0 0 flowid 1:1" \
		"tc qdisc add dev eth0 clsact; ip netns exec a $TOOLS/mark eth0 ingress tsum_reset 2" \
		"tc qdisc add dev eth0 root tbf rate 1gbit burst 100k latency 10ms"; do
		echo "== $setting"
		world 'container a 1; container good 2
			eval "ip netns exec a $0"
			start
			wait_for "grep -q ^policy: /run/log"
			[ "$(kind)" = unproven:rx-off,reset ]
			'"$next_is_protected" "$setting"
	done
}


@test "guard: a setting that comes and goes during the proof is seen" {
	world '
		container a 1
		# Off while the probe runs, on before and after it.
		ip netns exec a bash -c "while :; do ethtool -K eth0 rx off; ethtool -K eth0 rx on; done" >/dev/null 2>&1 & toggle=$!
		start
		wait_for "grep -q \"^policy: \\|^nothing was proven\" /run/log"
		kill $toggle
		[ "$(kind)" = unproven:rx-off,reset ] || grep -q "nothing was proven" /run/log
		'"$next_is_protected"
}

@test "guard: a container that delivers damage and then vanishes or stops answering leaves its kind unproven" {
	world '
		container a 1; container b 2; old_veth b
		# As soon as the proof puts something on it, it cuts itself off.
		(ip netns exec b ip monitor link | { read -r _; ip netns exec b ip link set eth0 down; }) >/dev/null 2>&1 3>&- &
		start
		wait_for "grep -q ^policy: /run/log"
		[ "$(kind)" = unproven:rx-off,reset ]
		'"$next_is_protected"
}

# ---- A proof that hangs --------------------------------------------------------------------------

# The process of the proof, which is stopped.
stop_proof='
		kill -USR1 $guard
		until child=$(cat /proc/$guard/task/$guard/children) && [ -n "$child" ]; do :; done
		kill -STOP $child'

@test "guard run: while a proof hangs drift is mended and new containers are protected; at the limit it is killed" {
	for delay in 0 0.02 0.05 0.1 0.2; do
		echo "== stopped after $delay s"
		world '
			container a 1; container b 2; old_veth a
			start --prove-limit 4s
			wait_for "[ \"\$(kind)\" = protected:rx-off ]"
			wait_for "rx_is a off && rx_is b off"
			kill -USR1 $guard
			until child=$(cat /proc/$guard/task/$guard/children) && [ -n "$child" ]; do :; done
			sleep "$0"
			kill -STOP $child || exit 0 # it was over before
			sleep 0.2
			ip netns exec a ethtool -K eth0 rx on
			ip netns exec b ethtool -K eth0 rx on
			wait_for "rx_is b off"
			container c 3
			wait_for "rx_is c off"
			grep -q "^State:.*[tT]" /proc/$child/status || exit 0 # it was ending
			wait_for "grep -q \"the proof failed: it was not over after 4 s, so its process was killed\" /run/log"
			! kill -0 $child 2>/dev/null
			wait_for "rx_is a off && rx_is b off"
			[ "$(kind)" = protected:rx-off ]
			# The next proof works.
			kill -USR1 $guard
			wait_for "[ \$(grep -c \"^proven in\" /run/log) -ge 2 ]"
			stop
		' "$delay"
	done
}

@test "guard run: a proof that is killed at its limit without a policy leaves all containers protected" {
	world '
		container a 1; old_veth a
		"$TRUESUM" guard run --prove-limit 1s >/run/out 2>/run/log 3>&- &
		guard=$!
		until child=$(cat /proc/$guard/task/$guard/children) && [ -n "$child" ]; do :; done
		kill -STOP $child
		wait_for "grep -q \"so its process was killed\" /run/log"
		wait_for "rx_is a off && has_reset a"
		stop
	'
}

@test "guard run: the watchdog is told while a proof hangs" {
	world '
		nc -lkuU /run/notify >/run/told 3>&- &
		wait_for "[ -S /run/notify ]"
		container a 1
		export NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=400000
		start
		wait_for "grep -q \"policy: \" /run/log"
		'"$stop_proof"'
		: >/run/told
		wait_for "[ \$(grep -ao WATCHDOG=1 /run/told | wc -l) -ge 3 ]"
		kill -CONT $child
		stop
	'
}

# ---- One daemon on a host ------------------------------------------------------------------------

@test "guard run: without /run/truesum, too, a second daemon is refused; another network namespace may have one" {
	world '
		start --mitigation rx-off
		rm -rf /run/truesum
		[ "$(exit_code timeout 5 "$TRUESUM" guard run --mitigation rx-off)" = 3 ]
		grep -q "another .truesum guard run. is at work (pid $guard)" /run/said
		# Its work goes on.
		container a 1
		wait_for "rx_is a off"
		# A host of its own.
		unshare -n -m bash -c "mount -t tmpfs none /run; timeout -s INT 2 \"\$0\" guard run --mitigation rx-off" "$TRUESUM" 2>/run/other || true
		grep -q "^ready" /run/other
		stop
	'
}

@test "guard run: an ordinary user who takes the name of its socket does not keep it from starting" {
	[ -x /usr/bin/python3 ] || skip "needs /usr/bin/python3"
	world '
		setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 -c "
import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind(chr(0) + \"truesum.guard\")
s.listen(1)
time.sleep(60)" 3>&- & squatter=$!
		wait_for "grep -q @truesum.guard /proc/net/unix"
		start --mitigation rx-off
		grep -q "has taken the socket name" /run/log
		[ "$(exit_code timeout 5 "$TRUESUM" guard run --mitigation rx-off)" = 3 ]
		stop
		kill $squatter
	'
}

# ---- The log -------------------------------------------------------------------------------------

@test "guard run: a container that flaps does not push out what is said of the others" {
	world '
		container flaps 1; container a 2
		start --mitigation rx-off
		ip netns exec flaps bash -c "for _ in \$(seq 400); do ethtool -K eth0 rx on; sleep 0.06; done" >/dev/null 2>&1 3>&- & flaps=$!
		wait_for "grep -q \"most of them: eth0 of flaps\" /run/log"
		ip netns exec a ethtool -K eth0 rx on
		wait_for "grep -q \"eth0 of a: put on again\" /run/log"
		kill $flaps
		stop
	'
}
