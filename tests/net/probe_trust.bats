#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum probe` beside attackers, and ended by signals: nobody changes a verdict, nothing goes
# astray, nothing stays behind. Long versions: `make attack`, and KILLS=200 for the signals.
# The scripts expand in the world, not here; $status is one test's.
# shellcheck disable=SC2016,SC2030,SC2031

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/probe_world.bash
source "$BATS_TEST_DIRNAME/probe_world.bash"

KILLS=${KILLS:-3}
export KILLS

@test "probe: no neighbour changes a verdict, and nothing of the probe's is on the uplink" {
	local tools
	tools=$(dirname "$TRUESUM")/tools
	run -0 "$BATS_TEST_DIRNAME/../attack" "$TRUESUM" "$tools" 3 claim flood astray ask all mate-all
	[ "$(grep -c ' 0 differ; .* 0 packets on the uplink$' <<<"$output")" = 6 ]
	# The attackers were heard; they can't send a thousand million frames in that time.
	[ "$(grep -cE ' [1-9][0-9]{0,8} frames ignored' <<<"$output")" = 6 ]
}

@test "probe: no neighbour on a bridge changes a verdict by taking another's address, or its router's" {
	local tools
	tools=$(dirname "$TRUESUM")/tools
	run "$BATS_TEST_DIRNAME/../attack" "$TRUESUM" "$tools" 1 address gateway mac both
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c ' 0 differ; .* 0 packets on the uplink$' <<<"$output")" = 4 ]
}

# A container E on the bridge claims C's address, or its router's, until the test ends.
claimed() {
	build space E
	world ip link add v7 type veth peer name eth0 netns E
	world ip link set v7 master br0
	world ip link set v7 up
	build addresses E eth0 "$1" 7
	install -m 755 "$(dirname "$TRUESUM")/tools/attack" "$WORK/attack"
	start claim ip netns exec E "$WORK/attack" c eth0 "$2" "$(mac "$3")" "$(mac -n E eth0)"
}

# mac [-n NS] DEV
mac() {
	world ip -j "${@:1:$#-1}" link show "${@: -1}" | jq -r '.[0].address'
}

@test "probe: a neighbour's claims are met by filters on the bridge; SIGKILL leaves them to clean" {
	build bridge
	probe -n C # neighbours meet
	world bash -c "$(on_host)" >"$WORK/before"
	claimed 6 10.6.0.2 br0
	# The filter is there for some 20 ms: killed then, by the first of some probes.
	world bash -c '
		for try in $(seq 10); do
			"$TRUESUM" probe -n C >/dev/null 2>&1 &
			while kill -0 $! 2>/dev/null; do
				tc filter show dev br0 egress 2>/dev/null | grep -q tsum_answers || continue
				kill -KILL $!
				wait $! 2>/dev/null
				exit 0
			done
		done
		exit 1'
	world tc filter show dev br0 egress | grep -q tsum_answers
	world "$TRUESUM" clean >"$WORK/clean"
	grep -q '^br0: BPF filter removed' "$WORK/clean"
	# One that is not killed has the right verdict, and undoes it.
	probe -n C
	[ "$status" = 0 ]
	[ "$(json .verdict)" = verified ]
	stop claim || true
	world ip neigh flush dev br0
	probe -n C
	world bash -c "$(on_host)" | diff "$WORK/before" <(grep -v v7 | grep -v '^10.6.0.7')
}

# The probe cannot lead packets that go past the host's routing.
@test "probe: packets that a neighbour gets are unknown, with its name, and never blocked" {
	build l2bridge
	claimed 5 10.5.0.1 v0
	probe -n C --via nic # C asks for its router: only now there is an entry to change
	sleep 0.3
	probe -n C --via nic
	[ "$status" = 3 ]
	[ "$(json '[.targets[].checks[] | select(.family == 4) | .verdict] | unique | join(" ")')" = unknown ]
	[ "$(json '[.targets[].checks[] | select(.family == 6) | .verdict] | index("blocked")')" = null ]
	json '.targets[].checks[] | select(.family == 4) | .reason' | grep -q 'leave by v7, another port of its bridge, to E'
}

@test "probe: every packet has the hop limit that just reaches the other end" {
	build nested
	start wire ip netns exec C tcpdump -lnvi eth0 net 192.0.2.0/24 or net 2001:db8::/32
	wait_for "grep -q 'listening on' $WORK/wire.err"
	probe -n C
	sleep 0.3
	stop wire
	[ "$status" = 0 ]
	# From the peer: 3, less two namespaces that forward. To it: 3 as they leave.
	grep -q 'ttl 1,' "$WORK/wire.out"
	[ "$(grep -oE 'ttl [0-9]+' "$WORK/wire.out" | sort -u | xargs)" = "ttl 1 ttl 3" ]
	[ "$(grep -oE 'hlim [0-9]+' "$WORK/wire.out" | sort -u | xargs)" = "hlim 1 hlim 3" ]
}

@test "probe: ports, sequence numbers and secrets are not those of the run before" {
	build routed
	for run in 1 2; do
		start wire ip netns exec C tcpdump -lnxi eth0 net 192.0.2.0/24
		wait_for "grep -q 'listening on' $WORK/wire.err"
		probe -n C
		sleep 0.3
		stop wire
		grep -oE '192\.0\.2\.2\.[0-9]+' "$WORK/wire.out" | sort -u >"$WORK/ports.$run"
		grep -oE 'Flags \[S\], seq [0-9]+' "$WORK/wire.out" | sort -u >"$WORK/seqs.$run"
		[ "$(wc -l <"$WORK/ports.$run")" = 6 ]
		[ "$(wc -l <"$WORK/seqs.$run")" -ge 2 ]
	done
	[ "$(comm -12 "$WORK/seqs.1" "$WORK/seqs.2" | wc -l)" = 0 ]
	[ "$(comm -12 "$WORK/ports.1" "$WORK/ports.2" | wc -l)" -lt 2 ]
}

@test "probe: it keeps two or three capabilities after it is set up" {
	build routed
	world sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 # so that it takes a while
	start probe "$TRUESUM" probe -n C
	wait_for "world ip route show dev tsumprobe 2>/dev/null | grep -q ."
	sleep 0.5
	# CAP_NET_ADMIN (12), CAP_SYS_ADMIN (21), CAP_BPF (39)
	[ "$(world sed -n 's/^CapEff:\t//p' "/proc/$(cat "$WORK/probe.pid")/status")" = 0000008000201000 ]
	stop probe || [ $? = 3 ]
	start probe "$TRUESUM" probe -p 1
	wait_for "! world kill -0 $(cat "$WORK/probe.pid") 2>/dev/null"
	wait "${JOB[probe]}" # the host alone, without CAP_SYS_ADMIN
}

# What a probe may leave on the host's devices, but states of neighbours.
on_host() {
	cat <<'END'
on_host() {
	ip -o addr | sed "s/valid_lft.*//"
	ip route show table all | grep -v "^fe80\|^multicast"
	ip -6 route show table all | sed "s/ expires [0-9]*sec//" | grep -v "^fe80\|^multicast"
	ip rule; ip -6 rule
	ip -o neigh | awk '$1 !~ /^fe80/ { print $1, $3 }' | sort
	for dev in $(ls /proc/sys/net/ipv4/conf); do
		tc qdisc show dev "$dev"
		tc filter show dev "$dev" ingress
		tc filter show dev "$dev" egress
		ethtool -k "$dev"
	done
	bridge fdb show | grep -E "permanent|02:74:73:75:6d" | sort
	nft list ruleset
	sysctl -a 2>/dev/null | grep -E "^net\.(ipv4|ipv6)\.conf\." | grep -v stable_secret
	ls /run/truesum
} 2>/dev/null
END
}

# ended SIGNAL SEED ARG...: KILLS probes, each ended at a random moment. Only after SIGKILL `clean`
# is needed.
ended() {
	local signal=$1 seed=$2
	shift 2
	world env SIGNAL="$signal" SEED="$seed" bash -c "$(on_host)"'
		RANDOM=$SEED
		"$TRUESUM" probe "$@" >/dev/null 2>&1 # neighbours meet
		on_host >"$WORK/before"
		for i in $(seq "$KILLS"); do
			setsid "$TRUESUM" probe "$@" >/dev/null 2>&1 &
			pid=$!
			sleep "0.$(printf %03d $((RANDOM % 160)))"
			kill -s "$SIGNAL" $pid 2>/dev/null
			wait $pid 2>/dev/null
			[ "$SIGNAL" != KILL ] || "$TRUESUM" clean >"$WORK/clean" || exit
			for try in $(seq 20); do
				on_host >"$WORK/after"
				cmp -s "$WORK/before" "$WORK/after" && break
				sleep 0.05
			done
			diff "$WORK/before" "$WORK/after" || exit 1
		done' bash "$@"
}

# kill.bats does the same with a veth, a bridge and a VXLAN device.
@test "probe: SIGTERM, SIGINT and SIGKILL with --via a bridge's port leave nothing" {
	build l2bridge
	ended TERM 4 -n C --via nic
	ended INT 5 -n C --via nic
	ended KILL 6 -n C --via nic
}
