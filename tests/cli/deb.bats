#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The Debian package, made from the program that is built already (`make deb` compiles it anew).

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
TRUESUM=$(realpath "${TRUESUM:-$TOP/build/truesum}")

setup_file() {
	local build
	build=$(dirname "$TRUESUM")
	command -v dh >/dev/null || return 0
	# Only what is linked is taken along, so that nothing is compiled again.
	mkdir "$BATS_FILE_TMPDIR/built"
	cp -a "$build"/{obj,bpf,gen,truesum} "$BATS_FILE_TMPDIR/built/"
	BUILT="$BATS_FILE_TMPDIR/built" DEB_BUILD_OPTIONS=noautodbgsym "$TOP/tools/deb" "$BATS_FILE_TMPDIR/deb" -d \
		>"$BATS_FILE_TMPDIR/log" 2>&1 || touch "$BATS_FILE_TMPDIR/failed"
}

setup() {
	command -v dh >/dev/null || skip "deb: no debhelper"
	[ "$(basename "$(dirname "$TRUESUM")")" = build ] || skip "deb: this program has sanitizers"
	[ ! -e "$BATS_FILE_TMPDIR/failed" ] || { cat "$BATS_FILE_TMPDIR/log" && return 1; }
	PACKAGE=$(echo "$BATS_FILE_TMPDIR"/deb/truesum_*.deb)
}

@test "package: lintian finds no errors, warnings and pedantic remarks" {
	command -v lintian >/dev/null || skip "deb: no lintian"
	run lintian --allow-root --pedantic --fail-on error,warning,pedantic "$BATS_FILE_TMPDIR"/deb/truesum_*.changes
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "package: everything is there, below /usr, and the unit is neither enabled nor started" {
	local root=$BATS_TEST_TMPDIR/root file
	dpkg-deb -x "$PACKAGE" "$root"
	dpkg-deb -e "$PACKAGE" "$BATS_TEST_TMPDIR/control"
	cmp <(cd "$TOP/man" && printf '%s.gz\n' ./*.[1-9] | sed 's,^./,,' | sort) \
		<(cd "$root/usr/share/man" && find . -name '*.gz' -printf '%f\n' | sort)
	for file in usr/bin/truesum usr/lib/cni/truesum usr/libexec/truesum/truesum-runc usr/libexec/truesum/before-removal \
		usr/share/bash-completion/completions/truesum usr/share/zsh/vendor-completions/_truesum \
		usr/share/fish/vendor_completions.d/truesum.fish usr/share/doc/truesum/copyright; do
		echo "$file"
		[ -e "$root/$file" ] || [ -L "$root/$file" ]
	done
	[ -n "$(find "$root" -name truesum-guard.service)" ]
	[ -z "$(find "$root" -path '*.wants/*')" ]
	run ! grep -rE '@PREFIX@|/usr/local' "$root/usr/libexec" "$root/usr/share/zsh" "$root/usr/share/fish" \
		"$root/usr/share/bash-completion"
	# shellcheck disable=SC2016 # as it stands there
	run ! grep -E 'deb-systemd-invoke +(\$_dh_action|start|restart) ' "$BATS_TEST_TMPDIR/control/postinst"
	[ -z "$(find "$root" -name folders)" ]
}

@test "package: its scripts are clean, and its version is the program's" {
	local script
	dpkg-deb -e "$PACKAGE" "$BATS_TEST_TMPDIR/control"
	for script in prerm postinst postrm; do
		shellcheck "$BATS_TEST_TMPDIR/control/$script"
	done
	[[ $(dpkg-deb -f "$PACKAGE" Version) == "$("$TRUESUM" --version | cut -d ' ' -f 2)"-* ]]
}

# script NAME ARG...: runs a maintainer's script with another /run, /var/lib and guard
script() {
	local name=$1
	shift
	dpkg-deb -e "$PACKAGE" "$BATS_TEST_TMPDIR/control"
	mkdir -p "$BATS_TEST_TMPDIR/libexec"
	printf '#!/bin/sh\nexit %s\n' "${GUARD:-0}" >"$BATS_TEST_TMPDIR/libexec/before-removal"
	chmod +x "$BATS_TEST_TMPDIR/libexec/before-removal"
	# shellcheck disable=SC2016 # expands inside
	sed -i "s,/usr/libexec/truesum/,$BATS_TEST_TMPDIR/libexec/,g" "$BATS_TEST_TMPDIR/control/$name"
	# shellcheck disable=SC2016
	run env DPKG_MAINTSCRIPT_PACKAGE=truesum unshare -m sh -c 'mount -t tmpfs tsum-run /run
		mount -t tmpfs tsum-lib /var/lib
		mount -t tmpfs tsum-etc /etc/systemd
		mkdir -p /run/truesum/guard /var/lib/truesum
		eval "$1"
		shift
		"$@" && code=0 || code=$?
		find /run/truesum /var/lib/truesum -type f 2>/dev/null | sort
		exit $code' sh "${BEFORE:-:}" "$BATS_TEST_TMPDIR/control/$name" "$@"
}

@test "package: prerm asks before a removal, not before an upgrade" {
	[ "$(id -u)" = 0 ] || skip "deb: needs root"
	GUARD=1 script prerm remove
	[ "$status" = 1 ]
	GUARD=1 script prerm deconfigure in-favour other 1
	[ "$status" = 1 ]
	GUARD=1 script prerm upgrade 9.9
	[ "$status" = 0 ]
	GUARD=0 script prerm remove
	[ "$status" = 0 ]
}

@test "package: purge removes all state, but keeps the records of protection in force and says so" {
	[ "$(id -u)" = 0 ] || skip "deb: needs root"
	BEFORE='echo x >/var/lib/truesum/policy.json; echo x >/run/truesum/lock' script postrm purge
	[ "$status" = 0 ]
	[ -z "$output" ]
	BEFORE='echo x >/var/lib/truesum/policy.json; echo x >/run/truesum/guard/1-2' script postrm purge
	[ "$status" = 0 ]
	[[ $output == *"stays in force"*"/run/truesum/guard/1-2" ]]
	[[ $output != *policy* ]]
	BEFORE='echo x >/var/lib/truesum/policy.json' script postrm remove
	[ "$output" = /var/lib/truesum/policy.json ]
}
