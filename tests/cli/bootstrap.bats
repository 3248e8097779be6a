#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# ./bootstrap on machines that lack make, apt-get, sudo or the network: a PATH with little in it.
# shellcheck disable=SC2016,SC2154 # $ is for the programs that are made; bats sets stderr

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..

setup() {
	BIN=$BATS_TEST_TMPDIR/bin
	mkdir "$BIN"
	for tool in sh dirname mktemp sed tail head rm env echo; do
		ln -s "$(type -P "$tool")" "$BIN"
	done
	put id 'echo 0'
	put dpkg-query 'exit 1'
}

# put NAME LINE...: makes a program of these lines.
put() {
	local name=$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$BIN/$name"
	chmod +x "$BIN/$name"
}

# put_apt: an apt-get that notes what it was asked for, with DEBIAN_FRONTEND, and brings make.
# This make prints two packages' names if asked for them, or says what it was asked for.
put_apt() {
	put apt-get "echo \"\$DEBIAN_FRONTEND \$*\" >>'$BIN/asked'" "$(type -P ln) -sf made '$BIN/make'"
	put made 'case $* in *packages) echo gcc clang ;; *) echo "made $*" ;; esac'
}

bootstrap() {
	run --separate-stderr env PATH="$BIN" TMPDIR="$BATS_TEST_TMPDIR" "$TOP/bootstrap" "$@"
}

# refused CODE TEXT: one line on standard error with TEXT in it, and this exit code.
refused() {
	[ "$status" = "$1" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *"$2"* ]]
}

@test "bootstrap: anything but lab or test is usage, exit code 2" {
	local words
	for words in '' 'all' 'lab test' 'lab lab' '-x'; do
		# shellcheck disable=SC2086 # the words must be split
		bootstrap $words
		refused 2 'usage: ./bootstrap lab | test'
	done
	bootstrap --help
	[ "$status" = 0 ]
}

@test "bootstrap: installs make, then what lab or test needs, then calls make" {
	local what
	for what in lab test; do
		put_apt
		rm -f "$BIN/make" "$BIN/asked"
		bootstrap "$what"
		[ "$status" = 0 ]
		[ "$output" = $'truesum: installing make\ntruesum: installing gcc clang\nmade '"$what" ]
		[ "$(grep -c '^noninteractive -q update$' "$BIN/asked")" = 2 ]
		grep -q '^noninteractive -q install .* make$' "$BIN/asked"
		grep -q '^noninteractive -q install .* gcc clang$' "$BIN/asked"
	done
}

@test "bootstrap: sudo is asked for whatever needs root, and nothing else" {
	put_apt
	put id 'echo 1000'
	bootstrap lab
	refused 3 'no sudo here'
	put sudo "echo sudo >>'$BIN/asked'" 'exec "$@"'
	bootstrap lab
	[ "$status" = 0 ]
	[ "$(grep -c '^sudo$' "$BIN/asked")" = 4 ]
}

@test "bootstrap: what cannot be installed is one line with apt-get's reason, and exit code 3" {
	bootstrap lab
	refused 3 'no apt-get here'
	put apt-get 'echo "Reading package lists..."' \
		'case $2 in update) echo "W: Failed to fetch http://x.test/ No route" ;; *) echo "E: No such package" && exit 100 ;; esac'
	bootstrap lab
	refused 3 'could not install make: Failed to fetch http://x.test/ No route'
	put apt-get 'echo "Reading package lists..."' 'echo "E: dpkg was interrupted"' 'exit 100'
	bootstrap test
	refused 3 'could not install make: dpkg was interrupted'
}

@test "bootstrap: if make fails the exit code is 1" {
	put make 'case $* in *packages) echo gcc ;; *) exit 2 ;; esac'
	put dpkg-query 'echo installed'
	bootstrap lab
	[ "$status" = 1 ]
}

@test "bootstrap: names packages that the Makefile knows, the lab's among the test's" {
	local lab test
	# Without a compiler, too, and without a complaint about it.
	lab=$(env -u MAKEFLAGS -u MAKELEVEL make -s -C "$TOP" CC=tsum-no-such lab-packages 2>&1)
	[ "$lab" = "$(env -u MAKEFLAGS -u MAKELEVEL make -s -C "$TOP" lab-packages)" ]
	test=$(env -u MAKEFLAGS -u MAKELEVEL make -s -C "$TOP" test-packages)
	[[ " $lab " == *" clang "*" libbpf-dev "* ]]
	[[ $test == "$lab "* && " $test " == *" bats "* ]]
}
