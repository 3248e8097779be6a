#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs every example in the man pages, in order, and compares what it prints with the page
# (tests/tools/examples). Each page has a scene in namespaces of its own.
# shellcheck disable=SC2016 # scenes expand in the inner shell

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
[[ $TRUESUM == /* ]] || TRUESUM=$PWD/$TRUESUM
load ../cli/pcap_make.bash
export TRUESUM TOP=$BATS_TEST_DIRNAME/../..
IN_SCENE=(unshare -n -m -p -u -f --mount-proc --kill-child)

# A host with two containers, web and db.
SCENE_HOST='
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	n=0
	for name in web db; do
		n=$((n + 1))
		ip netns add $name
		ip link add veth$n type veth peer name eth0 netns $name
		ip addr add 10.88.$n.1/24 dev veth$n
		ip addr add fd88:$n::1/64 dev veth$n nodad
		ip link set veth$n up
		ip -n $name link set lo up
		ip -n $name addr add 10.88.$n.2/24 dev eth0
		ip -n $name addr add fd88:$n::2/64 dev eth0 nodad
		ip -n $name link set eth0 up
		ip -n $name route add default via 10.88.$n.1
		ip -n $name route add default via fd88:$n::1
	done'

# Two machines, sender and receiver.
SCENE_MACHINES='
	ip netns add sender
	ip netns add receiver
	ip link add eth0 netns sender type veth peer name eth0 netns receiver
	ip -n sender addr add 192.0.2.1/24 dev eth0
	ip -n receiver addr add 192.0.2.7/24 dev eth0
	for name in sender receiver; do
		ip -n $name link set lo up
		ip -n $name link set eth0 up
	done'

# Runs the commands in $1. Those of the receiver run in the background, and so does corrupt,
# because the sender comes after them. All that are in the background end before the page goes on
# with another receiver, or ends.
play() {
	local command prompt name ran=()
	until_ready() {
		for _ in $(seq 500); do
			! eval "$1" | grep -q . || return 0
			sleep 0.02
		done
		return 1
	}
	for command in "$1"/[0-9][0-9]; do
		prompt=$(<"$command.prompt")
		name=${prompt%?}
		ran=(bash "$command")
		[ -z "$name" ] || ran=(ip netns exec "$name" bash "$command")
		case $name:$(<"$command") in
		receiver:*)
			wait
			"${ran[@]}" >"$command.out" 2>&1 &
			until_ready 'ip netns exec receiver ss -Hltun "sport = :5555"'
			;;
		*"--dry-run"*) "${ran[@]}" >"$command.out" 2>&1 || true ;;
		sender:*corrupt*)
			"${ran[@]}" >"$command.out" 2>&1 &
			until_ready 'tc -n sender filter show dev eth0 egress | grep tsum_corrupt'
			;;
		*) "${ran[@]}" >"$command.out" 2>&1 || true ;;
		esac
	done
	wait
}

# page NAME SCENE [PREPARE]: takes the examples out of the page, runs them in the scene, and
# compares
page() {
	local examples=$BATS_TEST_TMPDIR/examples command bad=0
	[ "$(id -u)" = 0 ] || skip "needs root"
	"${IN_SCENE[@]}" true 2>/dev/null || skip "needs network, mount and PID namespaces"
	mkdir -p "$examples" "$BATS_TEST_TMPDIR/bin"
	"$TOP/tests/tools/examples" take "$TOP/man/$1" "$examples"
	ln -sf "$TRUESUM" "$BATS_TEST_TMPDIR/bin/truesum"
	command -v dot >/dev/null || {
		printf '#!/bin/sh\ncat\n' >"$BATS_TEST_TMPDIR/bin/dot"
		chmod +x "$BATS_TEST_TMPDIR/bin/dot"
	}
	cd "$BATS_TEST_TMPDIR" || return 1
	PATH=$BATS_TEST_TMPDIR/bin:$PATH "${IN_SCENE[@]}" bash -euc "
		mount -t tmpfs tsum-test /run
		mount -t tmpfs tsum-test /var/lib
		mkdir /run/netns
		ip link set lo up
		$(declare -f play)
		$2
		${3-}
		play \"\$1\"" bash "$examples" >scene.out 2>&1 3>&- || { cat scene.out; return 1; }
	for command in "$examples"/[0-9][0-9]; do
		"$TOP/tests/tools/examples" compare "$command.page" "$command.out" ||
			{ echo "$1: $(<"$command")"; bad=1; }
	done
	return $bad
}

@test "the comparison notices another word, a missing line and one too many" {
	local examples=$TOP/tests/tools/examples
	cd "$BATS_TEST_TMPDIR" || return 1
	printf 'Linux 6.1.0 is\nfine (20 ms)\n...\nlast +5 %% (+1..+8) ...\n' >page
	printf 'Linux 7.20-rc1 is fine\n(1.2 s)\nmore\nlast n.m. (-3..+2) more\n' >output
	"$examples" compare page output
	for edit in s/fine/bad/ 1d s/last// 's/(1.2/(x/'; do
		sed "$edit" output >other
		run ! "$examples" compare page other
	done
	printf 'one\n' >page
	printf 'one\ntwo\n' >output
	run ! "$examples" compare page output
}

@test "every page is here" {
	local page
	for page in "$TOP"/man/*.[15]; do
		grep -qE "^	page ${page##*/} " "$BATS_TEST_FILENAME" || { echo "$page"; return 1; }
	done
}

@test "examples in truesum(1)" {
	page truesum.1 "$SCENE_HOST"
}

@test "examples in truesum-json(5)" {
	page truesum-json.5 "$SCENE_HOST"
}

@test "examples in truesum-lab(1)" {
	page truesum-lab.1 ''
}

@test "examples in truesum-probe(1)" {
	page truesum-probe.1 "$SCENE_HOST"
}

@test "examples in truesum-audit(1)" {
	page truesum-audit.1 "$SCENE_HOST" 'truesum probe'
}

@test "examples in truesum-guard(1)" {
	# Fewer samples: the table looks the same.
	page truesum-guard.1 "$SCENE_HOST" 'sed -i "s/guard cost/& --pairs 8/" "$1"/??'
}

@test "examples in truesum-corrupt(1)" {
	page truesum-corrupt.1 "$SCENE_MACHINES"
}

@test "examples in truesum-send(1)" {
	page truesum-send.1 "$SCENE_MACHINES"
}

@test "examples in truesum-recv(1)" {
	page truesum-recv.1 "$SCENE_MACHINES"
}

@test "examples in truesum-pcap(1)" {
	local payload packet bad=() good=() sent=() n offset
	cd "$BATS_TEST_TMPDIR" || return 1
	payload=$(printf '61%.0s' {1..64})
	for n in {0..11}; do
		packet=$(tcp $((1000 + n * 64)) "$payload")
		good+=("$packet")
		# A memory whose bit 5 reads 0 damages every third one; later it is sent again.
		if ((n % 3 == 1)); then
			sent+=("$(tcp $((1000 + n * 64)) "$payload" good $((5000 + n)))")
			for offset in 7 23 39 55; do
				packet=$(flip "$packet" $((40 + offset)) 0x20)
			done
		fi
		bad+=("$packet")
	done
	capture "${good[@]}" >before.pcap
	capture "${bad[@]}" >after.pcap
	capture "${bad[@]}" "${sent[@]}" "$(udp 616263 unfinished)" "$(udp 616263 unfinished 2)" >eth0.pcap
	page truesum-pcap.1 ''
}

@test "examples in truesum-report(1)" {
	page truesum-report.1 "$SCENE_HOST"
}

@test "examples in truesum-clean(1)" {
	page truesum-clean.1 "$SCENE_MACHINES" '
		ip netns exec sender truesum corrupt --dev eth0 --for 60s &
		until tc -n sender filter show dev eth0 egress | grep -q tsum_corrupt; do sleep 0.02; done
		kill -9 $!
		wait $! || true'
}
