#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum lab --live`: what a watcher sees, as plain text and on a terminal.

TRUESUM=${TRUESUM:-build/truesum}
export TRUESUM LC_ALL=C.UTF-8

setup() {
	unshare -n -m true 2>/dev/null || skip "no privilege to make a network namespace"
}

live() {
	run unshare -n -m "$TRUESUM" lab --pace quick --live "$@"
}

@test "the plain host delivers nothing damaged, the container does" {
	live routed
	[ "$status" -eq 0 ]
	[[ "$output" != *$'\033'* ]]
	host=${output%%"2 of 2"*}
	container=${output#*"2 of 2"}
	[[ "$host" == *"damage window opens"*"damage window closes"* ]]
	[[ "$host" == *"Nothing damaged was delivered"* ]]
	[[ "$host" != *"^"* ]]
	[[ "$container" == *"Damaged data was delivered"* ]]
	[ "$(grep -cE '^ +\^' <<<"$container")" -eq 16 ] # a caret line for each line of the window
}

@test "plain text fits 80 columns and has no blanks at line ends" {
	live routed
	while IFS= read -r line; do
		[ "${#line}" -le 80 ] || { echo "too wide: $line"; false; }
		[[ "$line" != *" " ]] || { echo "blank at the end: $line"; false; }
	done <<<"$output"
}

@test "UDP: the damaged lines never arrive" {
	live routed --proto udp --behaviour native --window 3
	[ "$status" -eq 0 ]
	[[ "$output" == *"3 lines never arrived"* ]]
}

@test "a terminal gets colour and a line of counters, or no colour with NO_COLOR" {
	command -v script >/dev/null || skip "script(1) is not here"
	show="unshare -n -m $TRUESUM lab --pace quick --live routed --window 3"
	TERM=xterm run script -qec "$show" /dev/null
	[[ "$output" == *$'\033[1;31m'* ]]
	[[ "$output" == *$'\r\033[K'* ]]
	NO_COLOR=1 TERM=xterm run script -qec "$show" /dev/null
	[[ "$output" != *$'\033[1;31m'* ]]
	TERM=dumb run script -qec "$show" /dev/null
	[[ "$output" != *$'\033'* ]]
}

@test "^C ends it at once, exit code 3" {
	unshare -n -m "$TRUESUM" lab --live routed --pace original >"$BATS_TEST_TMPDIR/out" 2>&1 &
	pid=$!
	until grep -q 'aaa… 0' "$BATS_TEST_TMPDIR/out"; do sleep 0.02; done
	kill -INT $pid
	code=0
	wait $pid || code=$?
	[ "$code" -eq 3 ]
	grep -q interrupted "$BATS_TEST_TMPDIR/out"
}
