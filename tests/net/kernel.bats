#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Compares the lab's emulation with two real kernels under QEMU (kernel/, docs/kernel.md). If QEMU
# or Debian's packages are not available, the tests are skipped with the reason. Otherwise
# everything must agree.

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-build/truesum}
CACHE=build/kernel

# shellcheck source=tests/skip.bash
source "$BATS_TEST_DIRNAME/../skip.bash"

setup_file() {
	[ "$(uname -m)" = x86_64 ] || { skip_file "kernel-lab: only for x86-64 so far" && return; }
	[ "$(id -u)" = 0 ] || { skip_file "kernel-lab: needs root" && return; }
	# Sanitizers make the guest several times slower, and find nothing more than in the lab's
	# own tests.
	[[ $TRUESUM != */san/* ]] || { skip_file "kernel-lab: run with the plain build" && return; }
	local packages said code=0
	read -ra packages <<<"$(make -s kernel-lab-packages)"
	said=$(tools/install-packages "${packages[@]}" 2>&1) ||
		{ skip_file "kernel-lab: no packages: $(tail -n 1 <<<"$said")" && return; }
	# 3: the kernel's packages are not available. Any other error is a failure.
	said=$(kernel/lab --prepare 2>&1) || code=$?
	[ "$code" != 3 ] || { skip_file "$(tail -n 1 <<<"$said")" && return; }
	echo "$said"
	[ "$code" = 0 ]
}

setup() {
	skip_if_file_skips
}

@test "kernel-lab: the emulation agrees with real kernels, with and without the statement, in every way in" {
	SECONDS=0
	run --separate-stderr kernel/lab --truesum "$TRUESUM" --json
	echo "$SECONDS s, exit code $status"
	# shellcheck disable=SC2154 # bats sets it
	printf '%s\n' "$stderr"
	jq -r '.rows[] | select(.result != "agree" and .result != "not-here") | tojson' <<<"$output"
	jq -r '(.host_end[] | tojson), (.original[] | del(.lines) | tojson)' <<<"$output"
	[ "$status" -eq 0 ]
	# Make sure that something was compared: routing over veth works on every host, for both
	# families.
	jq -e '[.rows[] | select(.topology == "routed" and .proto == "tcp" and .nic == "plain" and .result == "agree"
		and .unfixed == {none: "DELIVERED", rx_off: "container"}
		and .fixed == {none: "container", rx_off: "container"})] | length == 2' <<<"$output"
	jq -c '.guard[]' <<<"$output"
	# guard finds the remedy of 2016 on the unfixed kernel, and nothing to do on the fixed one.
	jq -e '[.guard[] | [.kernel, .before, (.mitigations | join(",")), .after, .rx.protected, .rx.after, .result]] ==
		[["unfixed", "delivers-corrupt", "rx-off", "verified", "off", "on", "agree"],
		 ["fixed", "verified", "", "verified", "on", "on", "agree"]]' <<<"$output"
	jq -e '.counts.agree >= 150 and (.host_end | length) == 2 and (.original | length) == 6' <<<"$output"
	[ "$SECONDS" -le 180 ]
}

# said VARIANT FILTER: what the commands said in that guest (kernel/guest/commands)
said() { jq -r "$2" "$CACHE/run/$1/commands.json"; }

@test "kernel-lab: corrupt, send, recv, probe and guard run work in the guests" {
	local kernel
	for kernel in fixed unfixed; do
		jq -c '[.corrupt.matched, .corrupt.damaged, .recv.intact, .recv.damaged, .recv.in_csum_errors, .received,
			.probed, .probe.verdict, .guard_run]' "$CACHE/run/$kernel/commands.json"
		[ "$(said $kernel '[.corrupt.damaged, .corrupt.bits_changed > 0, .recv.intact] | join(" ")')" = "8 true 4" ]
		[ "$(said $kernel '.guard_run | [.ended, .first, .second, .after] | join(" ")')" = "0 off off on" ]
	done
	# The container's UDP drops what corrupt damaged; the program reads it if veth vouches.
	[ "$(said fixed '[.recv.damaged, .recv.in_csum_errors, .received] | join(" ")')" = "0 8 0" ]
	[ "$(said unfixed '[.recv.damaged, .recv.in_csum_errors, .received] | join(" ")')" = "8 0 1" ]
	[ "$(said fixed '[.probed, .probe.verdict] | join(" ")')" = "0 verified" ]
	[ "$(said unfixed '[.probed, .probe.verdict] | join(" ")')" = "1 delivers-corrupt" ]
}

@test "kernel-lab: captures of both ends are left for the capture checker" {
	for kernel in fixed unfixed; do
		for end in client server; do
			run tcpdump -n -r "$CACHE/run/$kernel/original-container/$end.pcap" tcp
			[ "$status" -eq 0 ]
			[ "${#lines[@]}" -gt 15 ]
		done
	done
}

@test "kernel-lab: truesum pcap finds the damage at the receiving ends, and none at the sending ones" {
	local captures=("$CACHE"/run/{fixed,unfixed}/original-*/{client,server}.pcap)
	local capture
	[ "${#captures[@]}" -eq 12 ]
	for capture in "${captures[@]}"; do
		run "$TRUESUM" pcap --json "$capture"
		echo "$capture: $(jq -c '[.damaged_packets, .layers.tcp]' <<<"$output")"
		if [[ $capture == */client.pcap ]]; then
			[ "$status" -eq 0 ]
			# The sums of packets that this end sends are unfinished: that is no damage.
			jq -e '.damaged_packets == 0 and .layers.tcp.bad == 0 and .layers.tcp.unfinished > 0' <<<"$output"
		else
			[ "$status" -eq 1 ]
			# netem also flips bits in Ethernet and IP headers; such packets never get
			# here.
			jq -e '.damaged_packets >= 1 and .layers.tcp.good > 0
				and (.flows | max_by(.damaged)).src == "192.0.2.1"' <<<"$output"
		fi
	done
}

@test "kernel-lab: reports errors, and ends" {
	run kernel/lab --nonesuch
	[ "$status" -eq 2 ]
	[[ $output == *"unknown option"* ]]
	made=$(kernel/prepare linux-image-amd64 "$CACHE")
	# A guest that never powers off.
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cp "$made/busybox" "$BATS_TEST_TMPDIR/root/bin/sh"
	printf '#!/bin/sh\nwhile :; do sleep 1; done\n' >"$BATS_TEST_TMPDIR/root/init"
	chmod +x "$BATS_TEST_TMPDIR/root/init"
	(cd "$BATS_TEST_TMPDIR/root" && find . | "$made/busybox" cpio -o -H newc 2>/dev/null) >"$BATS_TEST_TMPDIR/image"
	(
		code=0
		SECONDS=0
		kernel/boot "$made/vmlinuz" "$BATS_TEST_TMPDIR/image" "$BATS_TEST_TMPDIR/endless" 8 fixed || code=$?
		echo "exit code $code"
		[ "$SECONDS" -le 20 ]
	) >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	endless=$!
	# At the same time a guest that powers off without a result.
	printf '#!/bin/sh\npoweroff -f\n' >"$BATS_TEST_TMPDIR/root/init"
	(cd "$BATS_TEST_TMPDIR/root" && find . | "$made/busybox" cpio -o -H newc 2>/dev/null) >"$BATS_TEST_TMPDIR/other"
	run kernel/boot "$made/vmlinuz" "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/out" 60 fixed
	[ "$status" -eq 3 ]
	[[ $output == *"sent no complete result"* ]]
	wait "$endless"
	cat "$BATS_TEST_TMPDIR/said"
	grep -q "did not end within 8 s" "$BATS_TEST_TMPDIR/said"
	grep -qx "exit code 3" "$BATS_TEST_TMPDIR/said"
}
