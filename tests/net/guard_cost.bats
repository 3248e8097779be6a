#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum guard cost`: every row is measured, or says why not. Mitigations that must cost something
# do, the others do not. Nothing is left behind. On a shared machine figures drift, so the bounds
# are wide.
# shellcheck disable=SC2016,SC2154 # the scripts expand in the world, not here; bats sets stderr

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TOP=$BATS_TEST_DIRNAME/../..
PAGE=$TOP/man/truesum-guard.1
export TRUESUM

# Fresh network, mount and PID namespaces: they have no policy, and show what is left behind.
IN_WORLD=(unshare -n -m -p -f --mount-proc --kill-child)

world() {
	"${IN_WORLD[@]}" bash -euc 'mount -t tmpfs tsum-test /run; mount -t tmpfs tsum-test /var/lib; '"$1" bash "${@:2}"
}

setup_file() {
	[ "$(id -u)" = 0 ] || return 0
	"${IN_WORLD[@]}" true 2>/dev/null || return 0
	world '"$TRUESUM" guard cost --json --pairs 40' >"$BATS_FILE_TMPDIR/cost.json"
}

setup() {
	COST=$BATS_FILE_TMPDIR/cost.json
}

needs_world() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	"${IN_WORLD[@]}" true 2>/dev/null || skip "needs network, mount and PID namespaces"
}

# row PATH MITIGATION [FILTER]: checks a measured row; skips the test if the kernel lacks a part of
# it.
row() {
	local one
	one=$(jq --arg path "$1" --arg mitigation "$2" \
		'.rows[] | select(.path == $path and .mitigation == $mitigation)' "$COST")
	[ -n "$one" ]
	[ "$(jq -r '.skipped == null' <<<"$one")" = true ] || skip "$(jq -r .skipped <<<"$one")"
	jq -e "${3:-.}" <<<"$one"
}

@test "guard cost: one JSON object, every row measured or skipped with its reason" {
	needs_world
	jq -e '.command == "guard cost" and .pairs == 40 and .seconds > 0 and .policy == false' "$COST"
	jq -e '.sum_ns_per_kib | .words > 1 and .words < 2000 and .fastest > 0 and (.variant | length > 0)' "$COST"
	[ "$(jq -r '.rows | map("\(.path) \(.mitigation)") | join(", ")' "$COST")" = \
		"$("$TRUESUM" guard cost --dry-run | sed -nE 's/^  ([a-z-]+) +([a-z-]+) .*/\1 \2/p' | paste -sd, | sed 's/,/, /g')" ]
	jq -e '.rows | length >= 8 and all(if .skipped then (.skipped | length > 10) else
		(.cpu_ns_per_kib, .bytes_per_second | .without > 0 and .with > 0 and .pairs >= 8 and
			.change_percent.low <= .change_percent.median and
			.change_percent.median <= .change_percent.high) and
		.packet_bytes > 0 and (.chosen | not) end)' "$COST"
}

@test "guard cost: its JSON's keys are in their table, and no other; its options, too" {
	needs_world
	"$TOP/tools/json-keys" check --all "$TOP/src/cmd/guard/cost.keys" <"$COST"
	diff <("$TRUESUM" guard cost --help | sed '/--help /q' | grep -oE -- '--[a-z-]+' | sort) \
		<(awk '/^\.S[sh] / { on = $0 == ".Ss truesum guard cost" } on' "$PAGE" |
			sed -nE 's/^\.It .*Fl Fl ([a-z-]+).*/--\1/p' | sort)
}

@test "guard cost: the path against itself has no cost" {
	needs_world
	row local none '.cpu_ns_per_kib | .measurable == false and (.change_percent.median | fabs) < 10'
	row local none '.cpu_ns_per_kib.change_percent | .low < 3 and .high > -3'
}

@test "guard cost: between containers tx-off cuts, sums, and costs; rx-off and reset do nothing and cost nothing" {
	needs_world
	row local tx-off '.packet_bytes > 5000 and .packet_bytes_with < 1600'
	row local tx-off '.cpu_ns_per_kib | .measurable and .with > 1.5 * .without'
	row local rx-off '.cpu_ns_per_kib.change_percent.median | fabs < 20'
}

@test "guard cost: packets are single or merged as the paths say" {
	needs_world
	row wire reset '.packet_bytes < 1600 and .packet_bytes_with < 1600'
	row wire-merged reset '.packet_bytes > 3000'
	row wire-small reset '.packet_bytes < 200'
}

@test "guard cost: reset adds about a sum and its program, not a multiple" {
	needs_world
	row wire reset '.added_ns_per_kib.median < 0.5 * .cpu_ns_per_kib.without'
	row vxlan tx-off '.cpu_ns_per_kib.measurable'
}

@test "guard cost: the policy's mitigations are marked, and the report begins with them" {
	needs_world
	run world 'mkdir -p /var/lib/truesum
		echo "{\"version\":1,\"kernel\":\"6.1\",\"proven\":1,\"verdict\":\"verified\",\"containers\":[
			{\"kind\":\"veth\",\"mitigations\":[\"reset\"]}],\"devices\":[],\"host\":[]}" >/var/lib/truesum/policy.json
		"$TRUESUM" guard cost --pairs 8'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "Chosen here: reset costs "*" CPU per byte"* ]]
	[[ ${lines[1]} != *CPU\ per\ byte* ]]
	[[ $output == *$'\n* wire '* ]]
	[[ $output == *$'\n  local       tx-off'* ]]
	run world 'mkdir -p /var/lib/truesum; echo nonsense >/var/lib/truesum/policy.json
		"$TRUESUM" guard cost --pairs 8'
	[ "$status" -eq 0 ]
	[[ $output == *policy.json* ]]
	[[ $output == *"No mitigation is chosen on this host, "* ]]
}

@test "guard cost: no line is longer than 80 columns, and no escape sequences in a pipe" {
	needs_world
	run world '"$TRUESUM" guard cost --pairs 8'
	[ "$status" -eq 0 ]
	[[ $output != *$'\033'* ]]
	awk 'length > 80 { print length ": " $0; bad = 1 } END { exit bad }' <<<"$output"
}

@test "guard cost: nothing is left behind, also by SIGINT and SIGKILL" {
	needs_world
	world 'ip link >/run/before; ls /proc/sys/net/ipv4/conf >>/run/before
		"$TRUESUM" guard cost --pairs 8 >/dev/null
		for signal in INT KILL; do
			env --default-signal=INT "$TRUESUM" guard cost >/run/out 2>&1 & pid=$!
			sleep 1.5
			kill -0 "$pid"
			began=$EPOCHREALTIME
			kill -$signal "$pid"
			code=0
			wait "$pid" || code=$?
			[ "$code" = "$((128 + $(kill -l $signal)))" ]
			awk -v a="$began" -v b="$EPOCHREALTIME" "BEGIN { exit b - a > 2 }"
			[ ! -s /run/out ]
		done
		ip link >/run/after; ls /proc/sys/net/ipv4/conf >>/run/after
		diff /run/before /run/after
		[ ! -e /run/truesum ]
		[ ! -e /var/lib/truesum ]
		[ "$(pgrep -c truesum)" = 0 ]'
}

@test "guard cost: --dry-run measures nothing; usage; no privilege; a full disk" {
	run "$TRUESUM" guard cost --dry-run
	[ "$status" -eq 0 ]
	[[ $output == *"Nothing was changed."* ]]
	for arguments in "--pairs 7" "--pairs 1001" "--dry-run --json" nonsense --nonsense; do
		# shellcheck disable=SC2086 # two words
		run "$TRUESUM" guard cost $arguments
		[ "$status" -eq 2 ]
	done
	needs_world
	# A copy that every user can run, as the build may be in a folder of root's.
	install -m 755 "$TRUESUM" "$BATS_FILE_TMPDIR/truesum"
	run --separate-stderr world 'cp "$1" /run/truesum.bin; chmod 755 /run /run/truesum.bin
		setpriv --reuid 65534 --regid 65534 --clear-groups /run/truesum.bin guard cost' "$BATS_FILE_TMPDIR/truesum"
	[ "$status" -eq 3 ]
	[[ $stderr == *"run as root"* ]]
	run world '"$TRUESUM" guard cost --pairs 8 --json >/dev/full'
	[ "$status" -eq 3 ]
}
