#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is built: the same everywhere, with the builder's own flags; and the service's unit.

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
TRUESUM=${TRUESUM:-$TOP/build/truesum}

setup() {
	WORK=$BATS_TEST_TMPDIR
}

# copy_sources FOLDER: the project's files, as they are in the working tree.
copy_sources() {
	git -C "$TOP" rev-parse --is-inside-work-tree >/dev/null 2>&1 || skip "no git checkout"
	mkdir -p "$1"
	git -C "$TOP" ls-files -z -co --exclude-standard | (cd "$TOP" && xargs -0 ls -d 2>/dev/null) |
		tar -C "$TOP" -cf - -T - | tar -C "$1" -xf -
}

@test "build: two folders yield the same program, bit by bit" {
	local other=$TOP/build/truesum
	copy_sources "$WORK/a/deeper"
	env -u MAKEFLAGS -u MAKELEVEL make -C "$WORK/a/deeper" -j"$(nproc)" all >"$WORK/log" 2>&1
	# The program under test was built by the same command, unless it has sanitizers.
	if [ ! "$TRUESUM" -ef "$other" ]; then
		copy_sources "$WORK/b"
		env -u MAKEFLAGS -u MAKELEVEL make -C "$WORK/b" -j"$(nproc)" all >"$WORK/log" 2>&1
		other=$WORK/b/build/truesum
	fi
	cmp "$WORK/a/deeper/build/truesum" "$other"
	run ! grep -q "$WORK" "$WORK/a/deeper/build/truesum"
}

@test "build: CPPFLAGS, CFLAGS and LDFLAGS of the user reach the compiler and the linker, beside ours" {
	run env -u MAKEFLAGS -u MAKELEVEL make -C "$TOP" -n -B V=1 BUILD="$WORK/out" CPPFLAGS=-DMINE=1 CFLAGS=-O1 \
		LDFLAGS=-Wl,-O2 "$WORK/out/obj/main.o" "$WORK/out/truesum"
	[ "$status" = 0 ]
	grep -E -- '-DMINE=1.* -O1 .*-fstack-protector-strong.* -c -o .*/obj/main.o' <<<"$output"
	grep -E -- '-Wl,-O2 -pie -Wl,-z,relro,-z,now.* -o .*/out/truesum' <<<"$output"
}

@test "build: lint outside of a git checkout fails with one clear line" {
	copy_sources "$WORK/tarball"
	run env GIT_CEILING_DIRECTORIES="$WORK" "$WORK/tarball/tests/lint"
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"no git checkout"* ]]
}

@test "build: the service's unit is valid, and its exposure at most 4.5" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	systemd-analyze security --help 2>/dev/null | grep -q -- --offline || skip "this systemd-analyze needs a running systemd"
	sed "s,@PREFIX@/bin/truesum,$(realpath "$TRUESUM"),; s,^Documentation=.*,," "$TOP/contrib/truesum-guard.service" \
		>"$WORK/truesum-guard.service"
	systemd-analyze verify "$WORK/truesum-guard.service" 2>&1 | { ! grep -v 'unlisted system calls'; }
	run systemd-analyze security --offline=true --threshold=45 --no-pager "$WORK/truesum-guard.service"
	echo "$output" | tail -n 1
	[ "$status" = 0 ]
}
