#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2034,SC2317 # scripts, and functions that they call, run in the world
#
# `truesum guard run`, each test in fresh network, mount and PID namespaces with a /run and
# /var/lib/truesum of their own. ethtool and tc show what it keeps, not truesum.

TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TRUESUM=$(realpath "$TRUESUM")
TOOLS=$(dirname "$TRUESUM")/tools
export TRUESUM TOOLS
# The sandbox forbids the sanitizers' leak check; another test measures memory.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -p -f --mount-proc true 2>/dev/null || skip "needs network, mount and PID namespaces"
	[ -x "$TOOLS/guard_load" ] || skip "needs make toolbox"
}

helpers() {
	make_world() {
		mount -t tmpfs tsum-test /run
		mkdir -p /run/netns /var/lib/truesum
		mount -t tmpfs tsum-test /var/lib/truesum
		ip link set lo up
	}
	# Waits until the command succeeds, at most 15 seconds.
	wait_for() {
		for _ in $(seq 750); do
			eval "$1" && return 0
			sleep 0.02
		done
		echo "this did not happen within 15 seconds: $1"
		cat /run/log
		return 1
	}
	container() {
		ip netns add "$1"
		ip link add "h$1" type veth peer name eth0 netns "$1"
	}
	containers() {
		seq "$1" "$2" | sed 's/.*/netns add n&/' | ip -b -
		seq "$1" "$2" | sed 's/.*/link add hn& type veth peer name eth0 netns n&/' | ip -b -
	}
	rx_is() { ip netns exec "$1" ethtool -k "${3:-eth0}" | grep -q "^rx-checksumming: $2"; }
	has_reset() { ip netns exec "$1" tc filter show dev "${2:-eth0}" ingress 2>/dev/null | grep -q tsum_reset; }
	# policy KERNEL KIND NAMES: {"mitigations": NAMES}
	policy() {
		printf '{"version":1,"kernel":"%s","proven":1,"verdict":"verified","containers":[{"kind":"%s",
			"mitigations":[%s]}],"devices":[],"host":[]}\n' "$1" "$2" "$3" >/var/lib/truesum/policy.json.new
		mv /var/lib/truesum/policy.json.new /var/lib/truesum/policy.json
	}
	start() {
		"$TRUESUM" guard run "$@" >/run/out 2>/run/log 3>&- &
		guard=$!
		wait_for 'grep -q "ready: " /run/log /run/out'
	}
	stop() {
		kill "$guard"
		wait "$guard"
	}
	records() { find /run/truesum/guard -type f 2>/dev/null | wc -l; }
}

# The world's script, as an argument.
world() {
	unshare -n -m -p -f --mount-proc --kill-child bash -euc "$(declare -f helpers); helpers; make_world; $1" 3>&-
}

@test "guard run: present and new containers, by name, by process, with devices moved in, of other kinds" {
	world '
		container old
		start --mitigation rx-off,reset
		rx_is old off && has_reset old
		container new
		wait_for "rx_is new off && has_reset new"
		# Only a process holds this namespace; the device is moved in.
		unshare -n sleep 60 & sleeper=$!
		wait_for "grep -q ^sleep /proc/$sleeper/comm"
		ip link add hp type veth peer name eth0
		ip link set eth0 netns $sleeper
		wait_for "nsenter -t $sleeper -n ethtool -k eth0 | grep -q ^rx-checksumming:.off"
		wait_for "nsenter -t $sleeper -n tc filter show dev eth0 ingress | grep -q tsum_reset"
		# A second device, and one of a kind that cannot turn its rx checksum offload off:
		# that one gets the reset only.
		ip link add hnew2 type veth peer name eth1 netns new
		wait_for "rx_is new off eth1 && has_reset new eth1"
		ip link add parent type veth peer name wire
		ip link add link parent name mv0 netns new type macvlan
		wait_for "has_reset new mv0"
		# Ends on the host get nothing.
		! ethtool -k hnew | grep -q "^rx-checksumming: off"
		! tc filter show dev hnew ingress | grep -q tsum
		grep -q "eth0 of new: protected: rx-off, reset ([0-9]* us after it appeared)" /run/log
		kill $sleeper
		stop
		# The protection stays.
		rx_is new off && has_reset new
		grep -q "the protection stays on" /run/log
	'
}

@test "guard run: a container inside a container is found, too" {
	world '
		start --mitigation rx-off
		ip netns add a
		ip netns add b
		ip -n a link add ha type veth peer name eth0 netns b
		wait_for "rx_is b off && rx_is a off ha"
		stop
	'
}

@test "guard run: most new names are found by themselves, without the list of all mounts" {
	world '
		export TRUESUM_DEBUG=links
		start --mitigation rx-off
		begin=$(date +%s%3N)
		seq 40 | while read -r i; do printf "netns add n%d\nlink add h%d type veth peer name eth0 netns n%d\n" "$i" "$i" "$i"; done | ip -b -
		wait_for "rx_is n40 off"
		passed=$(($(date +%s%3N) - begin))
		# Not once for each container: only in 200 ms, or if an event came before its mount.
		read=$(sed "1,/ready: /d" /run/log | grep -c "reads the list of mounts" || true)
		echo "the list was read $read times in $passed ms"
		((read <= passed / 200 + 20))
		stop'
}

@test "guard run: drift is repaired, another program's clsact and filters stay" {
	world '
		container c
		ip netns exec c tc qdisc add dev eth0 clsact
		ip netns exec c tc filter add dev eth0 ingress protocol ip prio 7 u32 match u32 0 0 flowid 1:1
		start --mitigation rx-off,reset
		rx_is c off && has_reset c
		ip netns exec c ethtool -K eth0 rx on
		wait_for "rx_is c off"
		ip netns exec c tc filter del dev eth0 ingress prio 2
		wait_for "has_reset c"
		ip netns exec c tc qdisc del dev eth0 clsact
		wait_for "has_reset c"
		grep -q "eth0 of c: put on again, as somebody had taken it off" /run/log
		ip netns exec c tc filter add dev eth0 ingress protocol ip prio 7 u32 match u32 0 0 flowid 1:1
		stop
		# Filters of other programs stay.
		ip netns exec c tc filter show dev eth0 ingress | grep -q u32
	'
}

@test "guard run: what cannot be put on is reported once, not claimed, and put on as soon as it can be" {
	world '
		container old
		start --mitigation rx-off,reset
		mount --bind /run/truesum/guard /run/truesum/guard
		mount -o remount,bind,ro /run/truesum/guard
		container c
		wait_for "grep -q \"eth0 of c: .*Read-only file system\" /run/log"
		kill -HUP $guard # the device is looked at again
		container d
		wait_for "grep -q \"eth0 of d: .*Read-only file system\" /run/log"
		[ "$(grep -c "eth0 of c: " /run/log)" = 1 ]
		rx_is c on
		umount /run/truesum/guard
		kill -HUP $guard
		wait_for "rx_is c off && has_reset c && rx_is d off && has_reset d"
		wait_for "grep -q \"eth0 of c: protected: rx-off, reset\" /run/log"
		stop
	'
}

@test "guard run: 100 containers a second, none missed; their records end with them" {
	world '
		start --mitigation rx-off
		# More than a second, as the machine may have other work.
		export LOAD_LIFE_MS=4000
		"$TOOLS/guard_load" rate 100 3
		LOAD_PROCESS=1 "$TOOLS/guard_load" rate 50 2
		wait_for "[ \$(records) = 0 ]"
		grep -q "in the last second [0-9]* more devices protected" /run/log
		stop
	'
}

@test "guard run: 1,000 lifetimes, many ending midway, leave no memory, descriptor or record behind" {
	world '
		resident() { awk "/^VmRSS/ { print \$2 }" /proc/$guard/status; }
		descriptors() { ls /proc/$guard/fd | wc -l; }
		start --mitigation rx-off,reset
		"$TOOLS/guard_load" lifetimes 300 5
		wait_for "[ \$(records) = 0 ]"
		before=$(resident) open=$(descriptors)
		"$TOOLS/guard_load" lifetimes 350 1
		"$TOOLS/guard_load" lifetimes 350 20
		wait_for "[ \$(records) = 0 ]"
		sleep 2
		after=$(resident)
		echo "$before kB before, $after kB after; descriptors $open, $(descriptors)"
		limit=1024
		! ldd "$TRUESUM" | grep -q libasan || limit=65536 # freed memory is kept for a while
		((after - before < limit))
		(($(descriptors) - open <= 2)) # timers of the moment
		! grep -q "cannot" /run/log || { cat /run/log; false; }
		stop
	'
}

@test "guard run: after a flood that overflows its socket it lists all devices and misses none" {
	world '
		start --mitigation rx-off --receive-buffer 4096
		kill -STOP $guard
		containers 1 60
		ip netns del n7
		ip link del hn8
		kill -CONT $guard
		wait_for "grep -q \"events were lost\" /run/log"
		for i in $(seq 1 6) $(seq 9 60); do wait_for "rx_is n$i off"; done
		# While it is stopped, new namespaces get the names, numbers and inodes of old ones.
		kill -STOP $guard
		for i in $(seq 20 40); do ip netns del n$i; done
		sleep 1
		containers 20 40
		kill -CONT $guard
		for i in $(seq 20 40); do wait_for "rx_is n$i off"; done
		wait_for "[ \$(records) = 58 ]"
		stop
	'
}

@test "guard run: after SIGKILL a new daemon takes over, forgets what is gone, protects what is new" {
	world '
		containers 1 20
		start --mitigation rx-off,reset
		kill -KILL $guard
		wait $guard || true
		[ "$(records)" = 20 ]
		ip netns del n1
		ip link del hn2
		ip netns exec n3 ethtool -K eth0 rx on
		container later
		ip netns exec n5 tc filter show dev eth0 ingress >/run/before
		# A broken record, and one of a later version.
		echo nonsense >/run/truesum/guard/1-1
		start --mitigation rx-off,reset
		grep -q "1-1: line 1 is not a record.* left alone" /run/log
		rx_is n3 off && rx_is later off && has_reset later
		ip netns exec n5 tc filter show dev eth0 ingress | diff /run/before -
		[ "$(records)" = 20 ] # 18, the new one, and the broken one
		stop
	'
}

@test "guard run: a second daemon is refused, with the pid of the first; so is revert" {
	world '
		start --mitigation rx-off
		code=0
		"$TRUESUM" guard run --mitigation rx-off 2>/run/second || code=$?
		[ $code = 3 ]
		grep -q "another .truesum guard run. is at work (pid $guard)" /run/second
		code=0
		"$TRUESUM" guard revert 2>/run/second || code=$?
		[ $code = 3 ]
		grep -q "running (pid $guard) and would put everything on again" /run/second
		stop
		"$TRUESUM" guard revert
		start --mitigation rx-off
		stop
	'
}

@test "guard run: at SIGHUP a new policy first puts its mitigations on, then takes others off" {
	world '
		container c
		policy "$(uname -r)" veth "\"rx-off\",\"reset\""
		start
		rx_is c off && has_reset c
		# The monitor shows if the reset is ever removed.
		ip netns exec c tc monitor >/run/monitor 3>&- & monitor=$!
		policy "$(uname -r)" veth "\"reset\""
		kill -HUP $guard
		wait_for "rx_is c on"
		has_reset c
		kill $monitor
		! grep -q deleted /run/monitor
		policy "$(uname -r)" veth "\"rx-off\""
		kill -HUP $guard
		wait_for "rx_is c off && ! has_reset c"
		! ip netns exec c tc qdisc show dev eth0 | grep -q clsact
		# A policy that cannot be read changes nothing.
		echo "{" >/var/lib/truesum/policy.json
		kill -HUP $guard
		wait_for "grep -q \"so nothing changes\" /run/log"
		rx_is c off
		policy "$(uname -r)" macvlan "\"reset\""
		kill -HUP $guard
		wait_for "rx_is c on"
		[ "$(records)" = 0 ]
		container none
		sleep 0.5
		rx_is none on
		stop
	'
}

@test "guard run: --dry-run shows what would be put where, and changes nothing" {
	world '
		container c
		"$TRUESUM" guard run --dry-run >/run/plan
		grep -q "there is no policy yet" /run/plan
		policy "$(uname -r)" veth "\"reset\""
		"$TRUESUM" guard run --dry-run >/run/plan
		grep -q "^  eth0 of c: reset$" /run/plan
		"$TRUESUM" guard run --dry-run -m rx-off >/run/plan
		grep -q "^  eth0 of c: rx-off$" /run/plan
		rx_is c on
		[ ! -e /run/truesum ]
	'
}

@test "guard run: service manager: ready, reloading, watchdog, status, stopping; levels in the log" {
	world '
		nc -lkuU /run/notify >/run/told 3>&- & nc=$!
		wait_for "[ -S /run/notify ]"
		container c
		export NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=400000
		policy "$(uname -r)" veth "\"rx-off\""
		start
		wait_for "grep -q READY=1 /run/told"
		wait_for "grep -q \"STATUS=1 of 1 container devices protected\" /run/told"
		wait_for "[ \$(grep -o WATCHDOG=1 /run/told | wc -l) -ge 3 ]"
		kill -HUP $guard
		wait_for "grep -q MONOTONIC_USEC=[0-9] /run/told"
		grep -q RELOADING=1 /run/told
		stop
		grep -q STOPPING=1 /run/told
		grep -q "^<6>ready: 1 container device" /run/log
		kill $nc
	'
}

@test "guard run: it gives up the privileges that it does not need" {
	world '
		start --mitigation rx-off,reset
		status() { sed -n "s/^$1:[[:space:]]*//p" /proc/$guard/status; }
		[ "$(status Seccomp)" = 2 ]
		[ "$(status NoNewPrivs)" = 1 ]
		# NET_ADMIN, SYS_ADMIN, NET_BROADCAST, ... and not CHOWN, SETUID, SETGID,
		# SYS_MODULE, SYS_BOOT, MKNOD
		((0x$(status CapEff) & 1 << 12 && 0x$(status CapEff) & 1 << 21))
		for gone in 0 6 7 8 16 22 27; do
			((!(0x$(status CapPrm) & 1 << gone)))
			((!(0x$(status CapBnd) & 1 << gone)))
		done
		[ "$(status CapAmb)" = 0000000000000000 ]
		stop
	'
}

@test "guard run: --json: an object for each event" {
	world '
		container c
		start --mitigation rx-off --json
		container d
		wait_for "grep -q \"\\\"namespace\\\":\\\"d\\\"\" /run/out"
		stop
		jq -es "map(.event) | index(\"protected\") and index(\"state\")" /run/out
		jq -es "map(select(.event == \"protected\" and .namespace == \"d\")) | .[0] |
			.device == \"eth0\" and .mitigations == [\"rx-off\"] and .microseconds > 0" /run/out
		[ ! -s /run/log ]
	'
}

# Makes a container that a probe can reach.
routed() {
	sysctl -qw net.ipv4.ip_forward=1
	container "$1"
	ip addr add "10.9.$2.1/24" dev "h$1"
	ip link set "h$1" up
	ip -n "$1" addr add "10.9.$2.2/24" dev eth0
	ip -n "$1" link set lo up
	ip -n "$1" link set eth0 up
	ip -n "$1" route add default via "10.9.$2.1"
}

@test "guard run: it proves at the start and on a schedule, in the sandbox, and follows the policy" {
	world "$(declare -f routed)"'
		routed c 1
		start --prove-every 1s
		grep -q "there is no policy yet" /run/log
		# By SIGUSR1, and on schedule.
		wait_for "grep -q \"proven in [0-9.]* s: verified; 1 of 1 containers\" /run/log"
		jq -e ".kernel == \"$(uname -r)\"" /var/lib/truesum/policy.json
		kill -USR1 $guard
		wait_for "[ \$(grep -c \"proven in\" /run/log) -ge 3 ]"
		! grep -q "cannot" /run/log
		# Containers on this kernel verify by themselves: no mitigation is put on.
		[ "$(records)" = 0 ]
		routed d 2
		sleep 0.5
		rx_is d on
		stop
	'
}

@test "guard run: with another kernel's policy new containers get everything that can be put on" {
	world '
		policy 5.0 veth "\"rx-off\""
		container old
		start
		grep -q "the policy was proven on Linux 5.0, this is $(uname -r): .*; until a proof" /run/log
		container new
		wait_for "rx_is new off && has_reset new"
		wait_for "grep -qE \"nothing (was|could be) proven\" /run/log"
		# The existing container stays as it was: the proof needs it.
		rx_is old on
		rx_is new off && has_reset new
		stop
	'
}

@test "guard run: a container, or the daemon itself, may die in the middle of a proof" {
	world "$(declare -f routed)"'
		for i in 1 2 3 4; do routed c$i $i; done
		start
		grep -q "proving what helps here" /run/log
		ip netns del c2
		container new
		wait_for "rx_is new off && has_reset new || [ -e /var/lib/truesum/policy.json ]"
		kill -KILL $guard
		wait $guard || true
		# Its child ends with it, and does not keep the lock.
		wait_for "! pgrep -x truesum"
		start --mitigation rx-off
		stop
	'
}
