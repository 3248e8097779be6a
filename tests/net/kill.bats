#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL at random moments: the host must be the same afterwards. The host is a fresh network and
# mount namespace, with a device of its own for `corrupt`.
# shellcheck disable=SC2016 # the scripts expand in the namespace, not here

TRUESUM=${TRUESUM:-build/truesum}
export TRUESUM

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v bpftool >/dev/null || PATH=$PATH:/usr/sbin
}

# Prints functions for a script. state() prints everything that a run could leave behind: links with
# their features, addresses, routes, rules, qdiscs, filters, sysctls, records; programs() the BPF
# programs on the whole machine (every namespace with a filter holds one).
world() {
	cat <<'END'
state() {
	ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; ip rule
	nft list ruleset 2>/dev/null || true
	for dev in /proc/sys/net/ipv4/conf/*/; do
		dev=$(basename "$dev")
		case $dev in all | default) continue ;; esac
		tc qdisc show dev "$dev"; tc filter show dev "$dev" ingress; tc filter show dev "$dev" egress
		ethtool -k "$dev"
	done
	sysctl -a 2>/dev/null | grep -E "^net\.(ipv4|ipv6|core|netfilter)\." |
		grep -vE "conntrack_count|nf_log|icmp_msgs|tcp_fastopen_key|stable_secret|somaxconn_"
	ls /run/truesum 2>/dev/null || true
	pgrep -x nc || true
}
# Our BPF programs on the whole machine. Some may belong to an earlier run and disappear soon.
programs() {
	bpftool prog show | grep -E " name tsum" | sort
}
remember() {
	programs >"$1.programs"
	state >"$1"
}
# The kernel removes namespaces, and the BPF programs that they hold, in the background: wait for
# it.
settled() {
	for _ in $(seq 200); do
		state >"$1"
		programs >"$1.programs"
		cmp -s "$2" "$1" && [ -z "$(comm -13 "$2.programs" "$1.programs")" ] && return 0
		sleep 0.1
	done
	diff "$2" "$1"
	comm -13 "$2.programs" "$1.programs"
	return 1
}
END
}

@test "lab: 50 SIGKILLs at random moments leave nothing" {
	unshare -n -m --propagation private bash -c "$(world)"'
		mount -t tmpfs tsum /run
		ip link set lo up
		tmp=$(mktemp -d)
		remember "$tmp/before"
		RANDOM=1
		for i in $(seq 50); do
			server=builtin
			((i % 5)) || server=nc
			"$TRUESUM" lab --server $server --family 4 \
				-t bare,nested,l2bridge,local,nat,mesos,vxlan,conntrack-drop >/dev/null 2>&1 &
			pid=$!
			sleep "$((RANDOM % 2)).$(printf %03d $((RANDOM % 1000)))"
			kill -KILL $pid 2>/dev/null
			wait $pid 2>/dev/null
			((i % 10)) || "$TRUESUM" clean >/dev/null || exit 1
		done
		"$TRUESUM" clean
		settled "$tmp/after" "$tmp/before"
		code=$?
		rm -r "$tmp"
		exit $code
	'
}

@test "lab: a whole run, and one ended by SIGTERM, leave nothing" {
	unshare -n -m --propagation private bash -c "$(world)"'
		mount -t tmpfs tsum /run
		tmp=$(mktemp -d)
		remember "$tmp/before"
		"$TRUESUM" lab >/dev/null || exit 1
		timeout -s TERM 1 "$TRUESUM" lab >/dev/null 2>&1
		settled "$tmp/after" "$tmp/before"
		code=$?
		rm -r "$tmp"
		exit $code
	'
}

@test "corrupt: 50 SIGKILLs at random moments, each undone by clean or by the next run" {
	unshare -n -m --propagation private bash -c "$(world)"'
		mount -t tmpfs tsum /run
		echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 # no addresses that come later
		ip link add tsumtest0 type veth peer name tsumtest1
		ip link set tsumtest0 up
		ip link set tsumtest1 up
		ethtool -K tsumtest0 gso off
		tmp=$(mktemp -d)
		remember "$tmp/before"
		RANDOM=2
		for i in $(seq 50); do
			"$TRUESUM" corrupt --dev tsumtest0 --for 10s >/dev/null 2>&1 &
			pid=$!
			sleep "0.$(printf %03d $((RANDOM % 250)))"
			kill -KILL $pid 2>/dev/null
			wait $pid 2>/dev/null
			((i % 2)) || continue # then the next run must undo it
			"$TRUESUM" clean >/dev/null || exit 1
			((i % 10 == 5)) || continue
			settled "$tmp/after" "$tmp/before" || exit 1
		done
		"$TRUESUM" clean
		settled "$tmp/after" "$tmp/before"
		code=$?
		rm -r "$tmp"
		exit $code
	'
}
