#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2030,SC2031 # bats runs each test in a subshell of its own
#
# `truesum corrupt` on the live veth pair of world.bash.

LINE=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

# A filter of another program, which must survive.
FOREIGN="filter add dev va egress prio 1 protocol ip u32 match ip dport 9 0xffff flowid 1:1"

load world

# counter NAME: prints a counter of the receiver, as TcpInCsumErrors
counter() { in_b nstat -az "$1" | awk -v name="$1" '$1 == name { print $2 }'; }

# send_lines N ADDRESS: sends N numbered lines over one TCP connection; B writes what arrives to
# $WORK/got
send_lines() {
	"${IN_WORLD[@]}" ip netns exec B timeout 30 nc -l "$2" 5555 >"$WORK/got" 3>&- &
	server=$!
	wait_for "in_b ss -ltn | grep -q :5555"
	for n in $(seq "$1"); do
		echo "$LINE $n"
		sleep 0.01
	done | in_a timeout 30 nc -N "$2" 5555
	wait "$server"
}

expected_lines() { seq "$1" | sed "s/^/$LINE /"; }

@test "corrupt: wrong usage is refused in one line, exit 2" {
	local args
	while read -r args; do
		eval "run world $TRUESUM corrupt $args"
		echo "$args: $output"
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
		[[ $output == "truesum corrupt: "* ]]
	done <<-'END'
		--for 1s
		--dev lo --pattern stuck2
		--dev lo --pattern burst:65
		--dev lo --pattern burst:3 --bits 4
		--dev lo --pattern stuck0 --stride 4 --phase 4
		--dev lo --pattern zero --stride 4
		--dev lo --bit 3
		--dev lo --stride 0
		--dev lo --rate 0
		--dev lo --rate 101%
		--dev lo --rate -1%
		--dev lo --count 0
		--dev lo --count 99999999999999999999
		--dev lo --for never
		--dev lo --for 0
		--dev lo --direction sideways
		--dev lo --match 'tcp or'
		--dev lo --match 'port 70000'
		--dev lo --vouch --pattern flip
		--dev lo --nonsense
		--dev lo operand
	END
}

@test "corrupt: names a device or namespace that does not exist, exit 3" {
	run world "$TRUESUM" corrupt --dev nosuch0
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *nosuch0* ]]
	run world "$TRUESUM" corrupt --dev va --netns nosuchns
	[ "$status" = 3 ]
	[[ $output == *nosuchns* ]]
	run world "$TRUESUM" corrupt --dev va --netns B
	[ "$status" = 3 ]
	[[ $output == *va*B* ]]
	local spec
	world mkfifo "$WORK/fifo"
	for spec in '' . /proc/self/ns/mnt /dev/null "$WORK/fifo"; do
		run world timeout 5 "$TRUESUM" corrupt --dev va --netns "$spec"
		echo "$output"
		[ "$status" = 3 ]
		[ "$output" = "truesum corrupt: '$spec' is not a network namespace" ]
	done
}

@test "corrupt: if the device has an ingress qdisc, egress is refused and ingress works" {
	local dry
	in_a tc qdisc add dev va ingress
	state >"$WORK/before"
	for dry in '' --dry-run; do
		run world "$TRUESUM" corrupt --netns A --dev va --for 1s $dry
		echo "$output"
		[ "$status" = 3 ]
		[ "${#lines[@]}" = 1 ]
		[[ $output == *"va has an ingress qdisc, which has no egress hook: use --direction ingress, or"* ]]
		state | diff "$WORK/before" -
	done
	start_corrupt --direction ingress --for 300ms
	wait "$CORRUPT"
	state | diff "$WORK/before" -
}

@test "corrupt: without privilege it says what to do, exit 3" {
	run world ip netns exec A setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$TRUESUM" corrupt --dev va --for 1s
	echo "$output"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *root* ]]
}

@test "corrupt: --dry-run says what it would do and does nothing" {
	state >"$WORK/before"
	run world "$TRUESUM" corrupt --netns A --dev va --dry-run
	[ "$status" = 0 ]
	[[ $output == *tx-checksum-ip-generic*clsact*egress* ]]
	world "$TRUESUM" corrupt --netns A --dev va --dry-run --json >"$WORK/out"
	[ "$(json .dry_run)" = true ]
	[ "$(json '.features_off[0]')" = tx-checksum-ip-generic ]
	state | diff "$WORK/before" -
}

@test "corrupt: damage at egress arrives with the original checksum and is caught" {
	local address before
	state >"$WORK/before"
	in_a ethtool -k va | grep -q 'tx-checksumming: on'
	for address in 10.9.0.2 fd09::2; do
		before=$(counter TcpInCsumErrors)
		start_corrupt --match 'tcp dst port 5555' --for 1s --json
		send_lines 100 "$address"
		wait "$CORRUPT"
		cat "$WORK/out"
		[ "$(json .damaged)" -gt 0 ]
		[ "$(json .damaged)" = "$(json .bits_changed)" ]
		[ "$(json .skipped.unfinished_sum)" = 0 ]
		[ ! -s "$WORK/err" ] # a progress line belongs on a terminal
		[ $(($(counter TcpInCsumErrors) - before)) = "$(json .damaged)" ]
		expected_lines 100 | diff - "$WORK/got"
		state | diff "$WORK/before" -
	done
}

@test "corrupt: every pattern that a checksum can see is caught, the others are delivered" {
	local pattern before
	for pattern in 'stuck1 --stride 4 --phase 1 --bit 1' burst:5 zero random 'flip --offset 3'; do
		before=$(counter TcpInCsumErrors)
		# shellcheck disable=SC2086 # a pattern and its options
		start_corrupt --match 'tcp dst port 5555' --count 3 --json --pattern $pattern
		send_lines 20 10.9.0.2
		wait "$CORRUPT"
		cat "$WORK/out"
		[ "$(json .damaged)" -gt 0 ]
		[ $(($(counter TcpInCsumErrors) - before)) = "$(json .damaged)" ]
		expected_lines 20 | diff - "$WORK/got"
	done
	for pattern in compensate swap16; do
		before=$(counter TcpInCsumErrors)
		start_corrupt --match 'tcp dst port 5555' --json --pattern "$pattern"
		send_lines 20 10.9.0.2
		kill -INT "$CORRUPT"
		wait "$CORRUPT"
		[ "$(json .damaged)" -gt 0 ]
		[ "$(counter TcpInCsumErrors)" = "$before" ]
		[ "$(expected_lines 20 | diff - "$WORK/got" | grep -c '^>')" -ge "$(json .damaged)" ]
	done
}

@test "corrupt: if a device on the way vouches, the damage is delivered" {
	local before vouch
	before=$(counter TcpInCsumErrors)
	"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns B --dev vb --direction ingress --vouch --json \
		>"$WORK/vouch" 3>&- &
	vouch=$!
	wait_for "[ \$(filters vb B) = 1 ]"
	start_corrupt --match 'tcp dst port 5555'
	send_lines 50 10.9.0.2
	kill "$CORRUPT" "$vouch"
	wait "$CORRUPT"
	wait "$vouch"
	[ "$(jq .vouched "$WORK/vouch")" -ge 50 ]
	[ "$(counter TcpInCsumErrors)" = "$before" ]
	[ "$(expected_lines 50 | diff - "$WORK/got" | grep -c '^>')" -ge 45 ]
}

@test "corrupt: damage done after a vouching device is caught" {
	local vouch
	"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns B --dev vb --direction ingress --vouch 3>&- >/dev/null &
	vouch=$!
	wait_for "[ \$(filters vb B) = 1 ]"
	in_a ethtool -K va tx off >/dev/null
	"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns B --dev vb --direction ingress --for 500ms --json \
		--match 'tcp dst port 5555' >"$WORK/out" 3>&- &
	CORRUPT=$!
	wait_for "[ \$(filters vb B) = 2 ]"
	send_lines 30 10.9.0.2
	wait "$CORRUPT"
	kill "$vouch"
	wait "$vouch"
	[ "$(json .damaged)" -gt 0 ]
	[ "$(counter TcpInCsumErrors)" = "$(json .damaged)" ]
	expected_lines 30 | diff - "$WORK/got"
}

@test "corrupt: at ingress an unfinished sum is left alone and counted" {
	"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns B --dev vb --direction ingress --json \
		--match 'tcp dst port 5555' >"$WORK/out" 3>&- &
	CORRUPT=$!
	wait_for "[ \$(filters vb B) = 1 ]"
	send_lines 20 10.9.0.2
	kill "$CORRUPT"
	wait "$CORRUPT"
	[ "$(json .damaged)" = 0 ]
	[ "$(json .skipped.unfinished_sum)" -ge 20 ]
	expected_lines 20 | diff - "$WORK/got"
}

@test "corrupt: UDP: only matching packets, never more than --count, the same ones for the same seed" {
	local run tcpdump
	for run in 1 2; do
		"${IN_WORLD[@]}" ip netns exec B timeout 20 tcpdump -Uni vb -w "$WORK/pcap$run" \
			'udp and dst portrange 6000-6001' 2>"$WORK/tcpdump" 3>&- &
		tcpdump=$!
		wait_for "grep -q listening $WORK/tcpdump"
		start_corrupt --match 'udp dst port 6000 and src host 10.9.0.1' --seed 7 --rate 30% \
			--count 5 --pattern burst --bits 3 --json
		# shellcheck disable=SC2016 # n is the inner shell's
		in_a bash -c 'for n in {1..40}; do
				echo "datagram $n" >/dev/udp/10.9.0.2/6000
				echo "other $n" >/dev/udp/10.9.0.2/6001
			done'
		wait "$CORRUPT"
		cat "$WORK/out"
		[ "$(json .damaged)" = 5 ]
		[ "$(json .bits_changed)" = 15 ]
		[ "$(json .matched)" = 40 ]
		[ "$(json .skipped.after_count)" -gt 0 ]
		wait_for "[ \$(tcpdump -nr $WORK/pcap$run 2>/dev/null | wc -l) = 80 ]"
		kill "$tcpdump"
		# Payloads only: source ports differ.
		tcpdump -nr "$WORK/pcap$run" -x 2>/dev/null | grep -v IP |
			sed -n 's/^\t0x00[12]0: *//p' | cut -d' ' -f7- >"$WORK/payload$run"
		wait "$tcpdump" || true
	done
	[ -s "$WORK/payload1" ]
	cmp "$WORK/payload1" "$WORK/payload2"
}

@test "corrupt: SIGINT, SIGTERM, SIGHUP and SIGQUIT end it with its report and put everything back" {
	local signal
	state >"$WORK/before"
	for signal in INT TERM HUP QUIT; do
		start_corrupt
		[ "$(state)" != "$(<"$WORK/before")" ]
		kill "-$signal" "$CORRUPT"
		wait "$CORRUPT"
		grep -q 'va egress' "$WORK/out"
		state | diff "$WORK/before" -
	done
	world test -z "$(world ls /run/truesum)"
}

@test "corrupt: after SIGKILL truesum clean, or the next run, puts everything back" {
	state >"$WORK/before"
	start_corrupt
	kill -KILL "$CORRUPT"
	wait "$CORRUPT" || true
	[ "$(state)" != "$(<"$WORK/before")" ]
	world "$TRUESUM" clean
	state | diff "$WORK/before" -

	start_corrupt
	kill -KILL "$CORRUPT"
	wait "$CORRUPT" || true
	world "$TRUESUM" corrupt --netns B --dev vb --for 10ms
	state | diff "$WORK/before" -
}

@test "corrupt: other programs' clsact and filters survive, however it ends" {
	local signal
	in_a tc qdisc add dev va clsact
	# shellcheck disable=SC2086 # a command line
	in_a tc $FOREIGN || skip "this kernel has no u32 classifier"
	state >"$WORK/before"
	for signal in TERM KILL; do
		start_corrupt
		[ "$(filters va A)" = 1 ]
		kill "-$signal" "$CORRUPT"
		wait "$CORRUPT" || true
		world "$TRUESUM" clean
		state | diff "$WORK/before" -
	done
	# If another program adds a filter to our clsact, the clsact stays.
	in_a tc qdisc delete dev va clsact
	start_corrupt
	# shellcheck disable=SC2086
	in_a tc ${FOREIGN/prio 1/prio 50}
	kill "$CORRUPT"
	wait "$CORRUPT"
	in_a tc filter show dev va egress | grep -q u32
}

@test "corrupt: bulk data: super-packets are left alone, single segments damaged exactly" {
	head -c 2000000 /dev/urandom >"$WORK/bulk"
	local segments before
	for segments in 65535 1; do
		before=$(counter TcpInCsumErrors)
		world ip -n A link set va gso_max_segs "$segments"
		start_corrupt --match 'tcp dst port 5555' --rate 5% --json
		"${IN_WORLD[@]}" ip netns exec B timeout 30 nc -l 10.9.0.2 5555 >"$WORK/got" 3>&- &
		server=$!
		wait_for "in_b ss -ltn | grep -q :5555"
		in_a timeout 30 nc -N 10.9.0.2 5555 <"$WORK/bulk"
		wait "$server"
		kill "$CORRUPT"
		wait "$CORRUPT"
		cat "$WORK/out"
		[ $(($(counter TcpInCsumErrors) - before)) = "$(json .damaged)" ]
		cmp "$WORK/bulk" "$WORK/got"
	done
	[ "$(json .skipped.super_packet)" = 0 ]
	[ "$(json .damaged)" -gt 10 ]
}

@test "corrupt: it ends if the device disappears" {
	start_corrupt
	world ip -n A link delete va
	wait "$CORRUPT" || status=$?
	[ "$status" = 3 ]
	grep -q 'va disappeared' "$WORK/err"
}

@test "corrupt: if the device is renamed, it still damages its packets, and restores it at the end" {
	local before
	before=$(counter TcpInCsumErrors)
	state >"$WORK/before"
	start_corrupt --match 'tcp dst port 5555' --json --for 1500ms
	world ip -n A link set va down
	world ip -n A link set va name vc
	world ip -n A link set vc up
	sleep 0.3
	kill -0 "$CORRUPT"
	send_lines 20 10.9.0.2
	wait "$CORRUPT"
	[ "$(json .damaged)" -gt 0 ]
	[ $(($(counter TcpInCsumErrors) - before)) = "$(json .damaged)" ]
	world ip -n A link set vc down
	world ip -n A link set vc name va
	world ip -n A link set va up
	state | diff "$WORK/before" -

	start_corrupt
	kill -KILL "$CORRUPT"
	wait "$CORRUPT" || true
	world ip -n A link set va down
	world ip -n A link set va name vc
	run world "$TRUESUM" clean
	[[ $output == *"vc: BPF filter removed"* ]]
	world ip -n A link set vc name va
	world ip -n A link set va up
	state | diff "$WORK/before" -
}

@test "corrupt: a killed run's filter stops by itself within two seconds" {
	local before how
	for how in '' --vouch; do
		start_corrupt --match 'tcp dst port 5555' $how
		# The filter still damages after more than two seconds if the run is alive.
		sleep 2.5
		if [ -z "$how" ]; then
			before=$(counter TcpInCsumErrors)
			in_b timeout 1 nc -l 10.9.0.2 5555 >/dev/null 3>&- &
			server=$!
			wait_for "in_b ss -ltn | grep -q :5555"
			echo damaged | in_a timeout 0.5 nc -N 10.9.0.2 5555 || true
			wait "$server" || true
			[ "$(counter TcpInCsumErrors)" -gt "$before" ]
		fi
		kill -KILL "$CORRUPT"
		wait "$CORRUPT" || true
		sleep 2
		[ "$(filters va A)" = 1 ]
		before=$(counter TcpInCsumErrors)
		send_lines 20 10.9.0.2
		[ "$(counter TcpInCsumErrors)" = "$before" ]
		expected_lines 20 | diff - "$WORK/got"
		world "$TRUESUM" clean
	done
}

@test "corrupt: only one run at a time damages a device in a direction; other runs share the device" {
	local other order
	state >"$WORK/before"
	for order in first second; do
		start_corrupt --match 'tcp dst port 5555'
		run world "$TRUESUM" corrupt --netns A --dev va --for 10ms
		echo "$output"
		[ "$status" = 3 ]
		[[ $output == "truesum corrupt: another truesum (pid $CORRUPT) is working on va: wait for it or end it" ]]
		in_a ethtool -k va | grep -q 'tx-checksum-ip-generic: off'
		[ "$(filters va A)" = 1 ]

		world "$TRUESUM" corrupt --netns A --dev va --for 10ms --direction ingress
		"${IN_WORLD[@]}" "$TRUESUM" corrupt --netns A --dev va --vouch >/dev/null 3>&- &
		other=$!
		wait_for "[ \$(filters va A) = 2 ]"
		if [ "$order" = first ]; then
			set -- "$CORRUPT" "$other"
		else
			set -- "$other" "$CORRUPT"
		fi
		kill "$1"
		wait "$1"
		[ "$(filters va A)" = 1 ]
		in_a tc qdisc show dev va | grep -q clsact
		kill "$2"
		wait "$2"
		state | diff "$WORK/before" -
	done
}

@test "corrupt: if a change cannot be recorded, it is not made" {
	# There is one page for all records, and the first line fills nearly all of it.
	local path
	state >"$WORK/before"
	world mkdir /run/truesum
	world mount -t tmpfs -o size=4k tsum-test /run/truesum
	path=/run/netns$(printf '/.%.0s' $(seq 1960))/A
	run world "$TRUESUM" corrupt --netns "$path" --dev va --for 1s
	echo "$output"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"cannot write /run/truesum/"*": No space left on device"* ]]
	state | diff "$WORK/before" -
	[ -z "$(world ls /run/truesum)" ]
}

# refused HOW...: what corrupt says if it runs with fewer rights; it must exit with 3
refused() {
	status=0
	world "$@" "$TRUESUM" corrupt --netns A --dev va --for 10ms >"$WORK/out" 2>"$WORK/err" || status=$?
	cat "$WORK/err"
	[ "$status" = 3 ]
	[ "$(wc -l <"$WORK/err")" = 1 ]
}

@test "what is missing is named, and root is not told to be root" {
	refused setpriv --reuid=65534 --clear-groups --bounding-set=-all --inh-caps=-all
	grep -q 'run as root' "$WORK/err"
	refused setpriv --bounding-set=-all --inh-caps=-all
	! grep -q 'run as root' "$WORK/err" || return 1
	grep -q 'CAP_SYS_ADMIN' "$WORK/err"
	# Everything but the right to load BPF programs.
	status=0
	in_a setpriv --bounding-set=-bpf,-sys_admin,-perfmon --inh-caps=-all "$TRUESUM" corrupt --dev va --for 10ms \
		2>"$WORK/err" || status=$?
	cat "$WORK/err"
	[ "$status" = 3 ]
	grep -q 'cannot load BPF programs: that needs CAP_BPF or CAP_SYS_ADMIN' "$WORK/err"
	! grep -q 'run as root' "$WORK/err" || return 1
	# Root of a user namespace.
	status=0
	world unshare -Urn "$TRUESUM" corrupt --dev lo --for 10ms 2>"$WORK/err" || status=$?
	cat "$WORK/err"
	[ "$status" = 3 ]
	! grep -q '(run as root)' "$WORK/err" || return 1
}

@test "the help's example damages what truesum send sends" {
	local example receiver
	example=$("$TRUESUM" corrupt --help | sed -n '/^Example/,$p' | sed '1d; s/\\$//' | tr -d '\n')
	[[ $example == *"truesum corrupt --dev eth0 "*"--for 10s"* ]]
	example=${example/truesum corrupt --dev eth0/\"\$TRUESUM\" corrupt --json --netns A --dev va}
	example=${example/--for 10s/--for 2s}
	in_b "$TRUESUM" recv --for 5s --json 5555 >"$WORK/recv" 3>&- &
	receiver=$!
	eval "world $example" >"$WORK/out" 3>&- &
	CORRUPT=$!
	wait_for "[ \$(filters va A) -ge 1 ]"
	in_a "$TRUESUM" send --size lines -q -n 5 -i 20ms 10.9.0.2 5555 >/dev/null
	wait "$CORRUPT"
	cat "$WORK/out"
	[ "$(json .damaged)" -gt 0 ]
	wait "$receiver"
}

@test "corrupt: --match with or, not and parentheses chooses exactly these packets" {
	start_corrupt --match 'udp and not (dst port 6001 or src host 10.9.0.2)' --json
	for port in 6000 6001 6002; do
		in_a bash -c "for i in 1 2 3; do echo aaaaaaaa >/dev/udp/10.9.0.2/$port; done"
	done
	kill -INT "$CORRUPT"
	wait "$CORRUPT"
	[ "$(json .matched)" = 6 ]
	[ "$(json .damaged)" = 6 ]
}
