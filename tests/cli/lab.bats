#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum lab`: its verdicts against those of real kernels, its output, and its behaviour on
# errors.
# shellcheck disable=SC2154,SC2016 # bats sets stderr; scripts expand in their own shell

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-build/truesum}
DATA=$BATS_TEST_DIRNAME/../data

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	# The first test measures the time.
	[ "$BATS_TEST_NUMBER" -eq 1 ] || [ -e "$BATS_FILE_TMPDIR/begun" ] || begin_slow
}

# A chroot whose / is no mount point has none.
need_mounts() { unshare -m true 2>/dev/null || skip "needs mount namespaces"; }

# Starts runs that mostly wait, while other tests run. `slow NAME` waits for one, and sets $status
# and $output like `run`.
begin_slow() {
	: >"$BATS_FILE_TMPDIR/begun"
	in_background original "$TRUESUM" lab --json -t routed --family 4 --behaviour native --pace original
	in_background window "$TRUESUM" lab --json --window 300 -t routed,nat --family 4
	in_background files bash -c 'ulimit -n 100; exec "$0" lab --json' "$TRUESUM"
}

in_background() {
	local out=$BATS_FILE_TMPDIR/$1
	shift
	{
		local code=0
		"$@" >"$out" 2>&1 || code=$?
		echo "$code" >"$out.ends"
		mv "$out.ends" "$out.code"
	} </dev/null >/dev/null 2>&1 3>&- &
}

slow() {
	local out=$BATS_FILE_TMPDIR/$1
	for _ in $(seq 1200); do
		[ ! -e "$out.code" ] || break
		sleep 0.1
	done
	status=$(cat "$out.code")
	output=$(cat "$out")
}

# refused EXIT ARG...: expects one line on standard error, no other output, and the exit code
refused() {
	local code=$1
	shift
	run --separate-stderr "$TRUESUM" "$@"
	[ "$status" -eq "$code" ]
	[ -z "$output" ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
}

# judged FILE: prints the cells of a JSON run that have a verdict, as a table: topology family proto
# nic behaviour mitigation verdict.
judged() {
	jq -r '.cells[] | select(.verdict != "unknown")
		| [.topology, .family, .proto, .nic, .behaviour, .mitigation, .verdict] | @tsv' "$1"
}

# against_oracle FILE COUNT: each judged cell that the oracle knows must have the oracle's verdict,
# and at least COUNT must be known. Prints the cells that differ.
against_oracle() {
	judged "$1" | awk -F'\t' -v oracle="$DATA/oracle.tsv" '
		BEGIN { while ((getline line < oracle) > 0) if (line !~ /^#/) rows[++n] = line }
		{
			for (i = 1; i <= n; i++) {
				split(rows[i], want, "\t")
				same = 1
				for (f = 1; f <= 6; f++)
					if (want[f] != "*" && want[f] != $f) same = 0
				if (!same) continue
				known++
				if (want[7] != $7) { print "differs: " $0 " (known: " want[7] ")"; bad = 1 }
			}
		}
		END { print known " cells compared"; exit bad || known < '"$2"' }'
}

@test "the default run: everything as expected, in time and memory, equal to real kernels" {
	run --separate-stderr /usr/bin/time -f '%e %M' "$TRUESUM" lab --json
	[ "$status" -eq 0 ]
	echo "$output" >"$BATS_TEST_TMPDIR/lab.json"
	read -r seconds kilobytes <<<"$(tail -n 1 <<<"$stderr")"
	echo "took $seconds s, $kilobytes KB"
	[ "${seconds%.*}" -lt 20 ]
	[[ $TRUESUM == */san/* ]] || [ "$kilobytes" -le 65536 ]
	# Each topology has four cells a family: native, veth-2016, and veth-2016 with each
	# mitigation. mesos has no IPv6.
	topologies=$("$TRUESUM" lab -t nosuch 2>&1 | sed -n 's/.*known: \(.*\), all (see .*/\1/p' | tr -d ' ')
	jq -e --arg topologies "$topologies" '.command == "lab" and .as_expected
		and (.version | length > 0) and (.kernel | length > 0)
		and ([.cells[].topology] | unique) == ($topologies | split(",") | sort)
		and ([.cells | group_by(.topology)[] | length] | unique == [4, 8])
		and (.cells | length) == 8 * ($topologies | split(",") | length) - 4' "$BATS_TEST_TMPDIR/lab.json"
	against_oracle "$BATS_TEST_TMPDIR/lab.json" 60
}

@test "NIC models, UDP and UDP without checksum: as expected, equal to real kernels" {
	"$TRUESUM" lab --json -t bare,routed,nat,local --nic all --proto all --mitigation none \
		>"$BATS_TEST_TMPDIR/nic.json"
	against_oracle "$BATS_TEST_TMPDIR/nic.json" 60
}

@test "every combination of topology, NIC model and protocol is as expected" {
	"$TRUESUM" lab --json --jobs 60 --nic all --proto all >"$BATS_TEST_TMPDIR/all.json"
	jq -e '.as_expected and (.cells | length > 1200)' "$BATS_TEST_TMPDIR/all.json"
}

@test "each cell has the documented keys" {
	"$TRUESUM" lab --json -t routed,ipvlan --family 4 >"$BATS_TEST_TMPDIR/keys.json"
	jq -e '.cells[] | has("topology") and has("family") and has("proto") and has("nic")
		and has("behaviour") and has("mitigation") and has("verdict")' "$BATS_TEST_TMPDIR/keys.json"
	jq -e '.cells[] | select(.topology == "routed") | has("sent") and has("delivered")
		and has("delivered_damaged") and has("damaged_on_wire") and has("expected")
		and has("caught_by") and (.in_csum_errors | has("container") and has("host"))' \
		"$BATS_TEST_TMPDIR/keys.json"
}

@test "the container's counter shows what its TCP catches: one error for each damaged segment" {
	"$TRUESUM" lab --json --proto tcp,udp >"$BATS_TEST_TMPDIR/counters.json"
	jq -e '[.cells[] | select(.caught_by == "container")] | length > 60 and
		all(.damaged_on_wire > 0 and .in_csum_errors.container == .damaged_on_wire)' \
		"$BATS_TEST_TMPDIR/counters.json"
	# Every damaged segment that nothing caught is in the application's data, unless a
	# retransmission brought its bytes earlier. So there are never more damaged messages than
	# segments.
	jq -e '[.cells[] | select(.verdict == "delivers-corrupt" and .proto == "tcp")] | length > 20 and
		all(.delivered_damaged > 0 and .delivered_damaged <= .damaged_on_wire)' \
		"$BATS_TEST_TMPDIR/counters.json"
}

@test "compensating flips and swapped words are delivered everywhere, with every mitigation" {
	for pattern in compensate swap16; do
		"$TRUESUM" lab --json --pattern "$pattern" >"$BATS_TEST_TMPDIR/unseen.json"
		jq -e '[.cells[] | select(.reason == null or .reason == "")] | length > 100 and
			all(.verdict == "delivers-corrupt")' "$BATS_TEST_TMPDIR/unseen.json"
	done
}

@test "a lying NIC delivers damage on a bare host and through NAT; reset cures both" {
	run "$TRUESUM" lab --json -t bare,nat,routed --nic lying --behaviour native --mitigation none,reset
	[ "$status" -eq 0 ]
	jq -e '[.cells[] | select(.mitigation == "none")] | length == 6 and
		all(.verdict == "delivers-corrupt" and .caught_by == "nobody")' <<<"$output"
	jq -e '[.cells[] | select(.mitigation == "reset")] | length == 6 and
		all(.verdict == "verified" and (.caught_by == "container" or .topology == "bare"))' <<<"$output"
}

@test "rx-off does nothing on this kernel's own veth, and does not hide a lying NIC" {
	run "$TRUESUM" lab --json -t routed --nic lying --behaviour native --mitigation rx-off
	[ "$status" -eq 0 ]
	jq -e '.cells | all(.verdict == "delivers-corrupt")' <<<"$output"
}

@test "the damage patterns: one-bit, burst, zero, random and stuck bits are all caught or delivered" {
	for pattern in flip burst:5 zero random stuck1; do
		"$TRUESUM" lab --json -t routed --pattern "$pattern" >"$BATS_TEST_TMPDIR/pattern.json"
		jq -e '.as_expected' "$BATS_TEST_TMPDIR/pattern.json"
	done
}

@test "a stuck bit that changes no byte proves nothing: unknown, exit 3" {
	# The bad switch's bit is 0 in every 'a'.
	run "$TRUESUM" lab --json -t routed --family 4 --pattern stuck0 --stride 16 --phase 7 --bit 2
	[ "$status" -eq 3 ]
	jq -e '.cells | all(.verdict == "unknown" and (.reason | test("changed no bit")))' <<<"$output"
}

@test "headers are damaged only on request; such cells are judged, but have no expectation" {
	for where in transport network; do
		run "$TRUESUM" lab --json -t bare,routed --behaviour native --where $where
		[ "$status" -eq 0 ]
		jq -e '.cells | length == 4 and all(.verdict == "verified" and .expected == null)' <<<"$output"
	done
}

@test "the same with the real netcat as the server" {
	command -v nc >/dev/null || skip "no nc (netcat-openbsd)"
	run "$TRUESUM" lab --json --server nc
	[ "$status" -eq 0 ]
	jq -e '.as_expected' <<<"$output"
	against_oracle <(echo "$output") 60
}

@test "the original pace on a verifying host: nothing arrives during the damage, then all at once" {
	slow original
	[ "$status" -eq 0 ]
	jq -e '.cells[0] | .verdict == "verified" and .delivered == .sent and .longest_delay_ms > 9000' \
		<<<"$output"
}

@test "a table, its legend and a conclusion; no escape sequence in a pipe" {
	run "$TRUESUM" lab -t routed,nat
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "Linux "*" drops damaged packets on "* ]]
	grep -q '^routed .*DELIVERED 1[0-9]/16' <<<"$output"
	grep -q '^nat .*verified' <<<"$output"
	[[ $output != *$'\x1b'* ]]
	awk 'length > 100 { exit 1 }' <<<"$output"
}

@test "a missing kernel feature is named and counted as skipped, and is no failure" {
	run "$TRUESUM" lab -t ipvlan,routed
	[ "$status" -eq 0 ]
	grep -q '^ipvlan' <<<"$output"
	grep -q 'no ipvlan devices' <<<"$output" || skip "this kernel has ipvlan"
	grep -q '8 skipped' <<<"$output"
}

@test "bad input: one clear line, exit 2" {
	refused 2 lab --topology nosuch
	[[ $stderr == *"unknown topology 'nosuch'"*routed* ]]
	refused 2 lab --pattern nosuch
	refused 2 lab --where nowhere
	refused 2 lab --family 5
	refused 2 lab --nic
	refused 2 lab --port 0
	refused 2 lab --port 99999999999999999999
	refused 2 lab --window 0
	refused 2 lab --jobs -1
	refused 2 lab --stride 0 --pattern stuck0
	refused 2 lab --pace slow
	refused 2 lab --server apache
	refused 2 lab --server nc --proto udp
	refused 2 lab --topology mesos --family 6
	refused 2 lab --live routed --json
	refused 2 lab extra
	refused 2 nosuch
	refused 3 lab -t bare --family 4 --behaviour native --report /nonexistent/report.html
}

@test "without privilege: one clear line that says what to do, exit 3" {
	id nobody >/dev/null 2>&1 || skip "no user nobody"
	cp "$TRUESUM" "$BATS_TEST_TMPDIR/truesum"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/truesum"
	run --separate-stderr setpriv --reuid=nobody --regid=nogroup --clear-groups \
		"$BATS_TEST_TMPDIR/truesum" lab
	[ "$status" -eq 3 ]
	[ "$(wc -l <<<"$stderr")" -eq 1 ]
	[[ $stderr == *root* ]]
}

@test "SIGINT ends it in a second, with one line and exit 3" {
	"$TRUESUM" lab >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	sleep 0.7
	kill -INT "$pid"
	code=0
	wait "$pid" || code=$?
	[ "$code" -eq 3 ]
	grep -q interrupted "$BATS_TEST_TMPDIR/err"
}

@test "clean: says what it undid; without privilege it does not claim that nothing is left" {
	need_mounts
	run unshare -m --propagation private bash -c 'mount -t tmpfs tsum /run; "$1" clean' - "$TRUESUM"
	[ "$status" -eq 0 ]
	[ "$output" = "nothing was left behind" ]
	id nobody >/dev/null 2>&1 || skip "no user nobody"
	cp "$TRUESUM" "$BATS_TEST_TMPDIR/truesum"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/truesum"
	run unshare -m --propagation private bash -c 'mount -t tmpfs tsum /run; mkdir -m 700 /run/truesum
		setpriv --reuid=nobody --regid=nogroup --clear-groups "$1" clean' - "$BATS_TEST_TMPDIR/truesum"
	[ "$status" -eq 3 ]
	[[ $output == *"run as root"* ]]
}

@test "with few open files: fewer cells at a time, or one clear line, but the same verdicts" {
	for limit in 200 1024; do
		(ulimit -n $limit && "$TRUESUM" lab --json) >"$BATS_TEST_TMPDIR/limited.json"
		jq -e '.as_expected' "$BATS_TEST_TMPDIR/limited.json"
	done
	slow files # 100
	[ "$status" -eq 0 ]
	jq -e '.as_expected' <<<"$output"
	run bash -c 'ulimit -n 64; "$1" lab' - "$TRUESUM"
	[ "$status" -eq 3 ]
	[[ $output == *"64 open files are too few"* ]]
}

@test "a long window ends as expected: every message arrives when the damage is over" {
	slow window
	[ "$status" -eq 0 ]
	jq -e '.as_expected and ([.cells[].not_delivered] | add == 0)' <<<"$output"
}

@test "UDP: a message whose counter became another number counts as damaged, not as unknown traffic" {
	run "$TRUESUM" lab --json --proto udp -t routed --behaviour veth-2016 --family 4 --offset 58 --bit 3
	[ "$status" -eq 0 ]
	jq -e '.cells[0] | .verdict == "delivers-corrupt" and .delivered_damaged == 16' <<<"$output"
}

@test "if the output cannot be written, the exit code is 3; closed descriptors do no harm" {
	run bash -c '"$1" lab -t bare --family 4 --behaviour native >/dev/full' - "$TRUESUM"
	[ "$status" -eq 3 ]
	[[ $output == *"cannot write the output"* ]]
	run bash -c '"$1" lab -t bare --family 4 --behaviour native --json <&- >&- 2>&-' - "$TRUESUM"
	[ "$status" -eq 0 ]
}

@test "without /dev/net/tun everything is unknown, with the reason, exit 3, also live" {
	need_mounts
	for view in "" "--live routed --pace quick"; do
		run unshare -m --propagation private bash -c \
			'mount -t tmpfs tsum /dev/net; "$1" lab ${2:--t bare}' - "$TRUESUM" "$view"
		[ "$status" -eq 3 ]
		[[ $output == *"/dev/net/tun"* ]]
	done
}
