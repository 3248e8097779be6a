#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2030,SC2031,SC2317 # a test is a subshell; scripts expand in the world
#
# What killed runs of `truesum corrupt` leave in /run/truesum, and what `truesum clean` does with
# it, on the live veth pair of world.bash.

load world

kill_corrupt() {
	start_corrupt
	kill -KILL "$CORRUPT"
	wait "$CORRUPT" || true
}

clean() { world "$TRUESUM" clean; }
journals() { world find /run/truesum -name '*.journal'; }

@test "journal: a namespace that only a mount refers to is restored, at the end and by clean" {
	local signal where
	state >"$WORK/before"
	# The name contains characters that mountinfo escapes.
	where="$WORK/my ns\\1"
	world touch "$where"
	world mount --bind /run/netns/A "$where"
	world umount /run/netns/A
	in_a() { world nsenter "--net=$where" "$@"; }
	filters() { in_a tc filter show dev va egress | grep -c tsum_corrupt || true; }
	for signal in TERM KILL; do
		"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns "$where" --dev va >"$WORK/out" 2>&1 3>&- &
		CORRUPT=$!
		wait_for "[ \$(filters) = 1 ]"
		kill "-$signal" "$CORRUPT"
		wait "$CORRUPT" || true
		cat "$WORK/out"
		[ "$signal" = TERM ] || clean
		state | diff "$WORK/before" -
		[ -z "$(journals)" ]
	done
}

@test "journal: a namespace that loses its name during the run is restored at the end" {
	state >"$WORK/before"
	start_corrupt
	"${IN_WORLD[@]}" nsenter --net=/run/netns/A sleep 60 3>&- &
	local holder=$!
	wait_for "grep -q ^sleep /proc/$holder/comm"
	world ip netns delete A
	kill "$CORRUPT"
	wait "$CORRUPT"
	in_a() { world nsenter -t "$holder" -n "$@"; }
	state | diff "$WORK/before" -
	kill "$holder"
}

# found_by PATH COMMAND...: clean finds namespace A if only COMMAND, which ends as a sleep, refers
# to it, by PATH in its /proc folder.
found_by() {
	local path=$1 holder
	shift
	state >"$WORK/before"
	kill_corrupt
	"${IN_WORLD[@]}" "$@" 3>&- &
	holder=$!
	wait_for "grep -q ^sleep /proc/$holder/comm"
	world umount -l /run/netns/A
	run clean
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"va: BPF filter removed"*"3 changes undone" ]]
	in_a() { world nsenter "--net=/proc/$holder/$path" "$@"; }
	state | diff "$WORK/before" -
	kill "$holder"
}

@test "journal: a namespace that only a descriptor holds is found" {
	found_by fd/9 bash -c 'exec 9</run/netns/A; exec sleep 60'
}

@test "journal: a namespace that is only mounted in another mount namespace is found" {
	found_by root/run/netns/A unshare -m --propagation private sleep 60
}

@test "journal: changes in a namespace that nothing refers to any more are reported once" {
	kill_corrupt
	world ip netns delete A
	run clean
	echo "$output"
	[ "$status" = 3 ]
	[[ ${lines[0]} == "truesum clean: va in network namespace A: nothing leads there any more"* ]]
	[[ ${lines[0]} == *"tx-checksum-ip-generic, a qdisc: clsact, BPF filter tsum_corrupt" ]]
	run clean
	[ "$status" = 0 ]
	[ "$output" = "nothing was left behind" ]
}

@test "journal: the next run reports them, too, and then runs" {
	kill_corrupt
	world ip netns delete A
	run world "$TRUESUM" corrupt --netns B --dev lo --vouch --for 10ms
	echo "$output"
	[ "$status" = 0 ]
	[[ ${lines[0]} == "truesum corrupt: left by a killed run: va in network namespace A: nothing"* ]]
	[ -z "$(journals)" ]
}

@test "journal: a new namespace with the number of a dead one is left alone" {
	kill_corrupt
	world bash -c 'sed -i "s/\"cookie\":[0-9]*/\"cookie\":1/" /run/truesum/*.journal'
	run clean
	echo "$output"
	[ "$status" = 3 ]
	[ "$(filters va A)" = 1 ]
}

@test "journal: something that is already gone does not count as a change" {
	kill_corrupt
	in_a tc filter delete dev va egress
	in_a ethtool -K va tx on >/dev/null
	run clean
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = $'va: clsact qdisc removed\n1 change undone' ]
	kill_corrupt
	world ip -n A link delete va
	run clean
	[ "$status" = 0 ]
	[ "$output" = "nothing was left behind" ]
	[ -z "$(journals)" ]
}

@test "journal: a file with an invalid line is named and kept, and its other lines are undone" {
	local line
	state >"$WORK/before"
	for line in garbage '{"kind":"unheard-of"}' '{"kind":"feature"}' '[]'; do
		kill_corrupt
		world bash -c "echo '$line' >>$(journals); echo '{\"kind\":\"clsact\"}' >>$(journals)"
		run clean
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == *"truesum clean: $(journals): "* ]]
		state | diff "$WORK/before" -
		run world "$TRUESUM" corrupt --netns B --dev vb --for 10ms
		[ "$status" = 3 ]
		[[ $output == *"$(journals)"* ]]
		world rm "$(journals)"
	done
	world mkdir /run/truesum/odd.journal
	run clean
	[ "$status" = 3 ]
	[[ $output == *"/run/truesum/odd.journal: "* ]]
}

@test "journal: a last line that was cut off is ignored: its change was never made" {
	state >"$WORK/before"
	kill_corrupt
	world bash -c "printf '{\"kind\":\"fea' >>$(journals)"
	clean
	state | diff "$WORK/before" -
	[ -z "$(journals)" ]
	world bash -c ': >/run/truesum/1.journal; printf "{\"netns\"" >/run/truesum/2.journal'
	run clean
	[ "$status" = 0 ]
	[ -z "$(journals)" ]
}

@test "journal: of guard's records, clean removes those that were begun only, and no other" {
	world mkdir -p /run/truesum/guard
	world bash -c 'cd /run/truesum/guard
		head="{\"netns\":[4,1],\"cookie\":1,\"index\":1}"
		: >1-1; printf "{\"netns\"" >2-1; echo "$head" >3-1; : >.4-1; : >.5-1
		for kept in 5-1 6-1; do printf "%s\n{\"kind\":\"clsact\"}\n" "$head" >$kept; done
		: >7-1; : >.6-1'
	# A living process works on these two.
	"${IN_WORLD[@]}" bash -c 'exec 8</run/truesum/guard/7-1 9</run/truesum/guard/6-1
		flock 8 && flock 9 && touch /run/locked && exec sleep 60' 3>&- &
	local holder=$!
	wait_for "world test -e /run/locked"
	clean
	run world ls -A /run/truesum/guard
	echo "$output"
	[ "$output" = $'.6-1\n5-1\n6-1\n7-1' ]
	kill "$holder"
}

@test "journal: processes with the same number in two PID namespaces do not share a file" {
	local first second
	unshare -p true 2>/dev/null || skip "needs PID namespaces"
	state >"$WORK/before"
	"${IN_WORLD[@]}" unshare -p -f "$TRUESUM" corrupt --netns A --dev va --for 3s \
		>"$WORK/out" 2>&1 3>&- &
	first=$!
	wait_for "[ \$(filters va A) = 1 ]"
	"${IN_WORLD[@]}" unshare -p -f "$TRUESUM" corrupt --netns B --dev vb --for 1s \
		>"$WORK/second" 2>&1 3>&- &
	second=$!
	wait_for "[ \$(filters vb B) = 1 ]"
	[ "$(journals | sort)" = $'/run/truesum/1-2.journal\n/run/truesum/1.journal' ]
	run clean
	[ "$output" = "nothing was left behind" ]
	wait "$second"
	[ "$(filters va A)" = 1 ]
	wait "$first"
	state | diff "$WORK/before" -
	[ -z "$(journals)" ]
}
