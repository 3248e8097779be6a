#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The one file (make onefile) where nothing else is: a root with /proc, /sys, /dev and /run;
# /opt is read-only.
# shellcheck disable=SC2016 # bare() has the text run by another shell

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
ONEFILE=${ONEFILE:-$TOP/build/onefile/truesum}

setup() {
	[ -x "$ONEFILE" ] || skip "no build/onefile/truesum: make onefile"
	[ "$(id -u)" = 0 ] || skip "needs root"
	WORK=$BATS_TEST_TMPDIR
	mkdir -p "$WORK"/root/{proc,sys,dev,run,tmp,etc,data,opt/cni/bin}
	cp "$ONEFILE" "$WORK/root/opt/cni/bin/truesum"
	echo '127.0.0.1 localhost named.example' >"$WORK/root/etc/hosts"
	# A capture with no packet is enough to read one.
	printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00' \
		>"$WORK/root/data/plain.pcap"
	gzip -c "$WORK/root/data/plain.pcap" >"$WORK/root/data/gzip.pcap"
	zstd -qc "$WORK/root/data/plain.pcap" >"$WORK/root/data/zstd.pcap"
}

# bare SCRIPT: runs it in namespaces of its own; there, `one` is the one file in the bare root.
bare() {
	cat >"$WORK/script" <<-END
		set -eu
		cd '$WORK/root'
		mount -t proc proc proc
		mount -t sysfs sys sys
		mount --rbind /dev dev
		mount --bind opt opt
		mount -o remount,bind,ro opt
		ip link set lo up
		one() { timeout 60 chroot . /opt/cni/bin/truesum "\$@"; }
		$1
	END
	unshare -n -m -p -f --kill-child --mount-proc bash "$WORK/script"
}

@test "onefile: has no loader and no library of its own, and is hardened as the program is" {
	run readelf -hldW "$ONEFILE"
	[[ $output != *INTERP* && $output != *NEEDED* ]]
	[[ $output == *GNU_RELRO* && $output == *BIND_NOW* && $output == *"NOW PIE"* ]]
	run ! grep -E '^ *(GNU_STACK|LOAD) .*RWE' <<<"$output"
}

@test "onefile: pcap reads plain and compressed captures; audit, report, probe, guard status, clean work" {
	bare '
		for kind in plain gzip zstd; do
			one pcap /data/$kind.pcap >out 2>&1 || [ $? = 3 ]
			grep -q "0 packets" out
		done
		one audit >out
		one report >out
		grep -q "^truesum " out
		one guard status >out
		one probe >out 2>&1 || [ $? = 3 ]
		one clean >out
	'
}

@test "onefile: what libnftables and libm do in lab works, and nothing is written" {
	bare '
		one lab --topology nat,conntrack-drop --mitigation none --behaviour native >out
		grep -q "^nat  *verified: host" out
		[ -z "$(ls tmp)" ]
	'
}

@test "onefile: send and recv find a name in /etc/hosts" {
	bare '
		one recv --for 5 4711 >received 2>&1 &
		for i in 1 2 3 4 5 6 7 8 9 10; do
			one send named.example 4711 --count 2 >sent 2>&1 && break
			sleep 0.2
		done || true
		wait || true
		grep -q "connected" received
	'
}

@test "onefile: is a CNI plugin, from a read-only /opt/cni/bin, and /proc/self/exe is the one file" {
	bare '
		echo "{\"cniVersion\":\"1.0.0\"}" | CNI_COMMAND=VERSION one | grep -q supportedVersions
		chroot . /opt/cni/bin/truesum recv --for 5 4711 >/dev/null 2>&1 &
		sleep 1
		[ "$(readlink /proc/$!/exe)" = "$PWD/opt/cni/bin/truesum" ]
		[ "$(cat /proc/$!/comm)" = truesum ]
		! ls -l /proc/$!/fd | grep -q memfd
	'
}

@test "onefile: runs where no program in memory may (vm.memfd_noexec=2)" {
	bare '
		[ -e /proc/sys/vm/memfd_noexec ] || exit 77
		# The sysctl belongs to the PID namespace.
		echo 2 >/proc/sys/vm/memfd_noexec
		one lab --topology nat --mitigation none --behaviour native >out
	' || { [ $? = 77 ] && skip "this kernel has no vm.memfd_noexec"; }
}

@test "onefile: without /proc it says so in a line and ends with 3" {
	run unshare -m chroot "$WORK/root" /opt/cni/bin/truesum --version
	[ "$status" = 3 ]
	[[ $output == *"cannot open its own file: No such file or directory"*"/proc"* ]]
}

@test "onefile: in a chain after bridge, as the program (guard_cni.bats)" {
	[ -x "${PLUGINS:-/usr/lib/cni}/bridge" ] || skip "no CNI plugins"
	TRUESUM=$(realpath "$ONEFILE") bats -f 'bridge \+ truesum|DEL succeeds' "$BATS_TEST_DIRNAME/guard_cni.bats"
}

@test "onefile: two links yield the same file, bit by bit" {
	[ "$(realpath "$ONEFILE")" = "$(realpath "$TOP/build/onefile/truesum")" ] || skip "not this build's"
	env -u MAKEFLAGS -u MAKELEVEL make -C "$TOP" ONE="$WORK/one" "$WORK/one/truesum"
	cmp "$ONEFILE" "$WORK/one/truesum"
}
