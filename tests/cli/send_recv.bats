#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The original client and server over loopback, each test in a network namespace of its own.
# shellcheck disable=SC2016 # the scripts of lab() expand there, not here

TRUESUM=${TRUESUM:-build/truesum}
PORT=5555
export TRUESUM PORT LC_ALL=C.UTF-8

setup() {
	unshare -n true 2>/dev/null || skip "no privilege to make a network namespace"
	export OUT="$BATS_TEST_TMPDIR"
}

# Runs its argument as a script in a fresh namespace. In the script, `receive [OPTION]...` starts
# recv and waits until it listens; `received` waits until recv ends, prints its output and returns
# its exit code.
lab() {
	unshare -n bash -c '
		ip link set lo up
		LETTERS=$(printf "a%.0s" {1..57})
		receive() {
			"$TRUESUM" recv "$@" $PORT >"$OUT/recv" 2>"$OUT/recv.err" &
			receiver=$!
			until ss -Htuln "sport = :$PORT" | grep -q .; do
				kill -0 $receiver || return 1
				sleep 0.01
			done
		}
		received() {
			local code=0
			wait $receiver || code=$?
			cat "$OUT/recv" "$OUT/recv.err"
			return $code
		}
		'"$1"
}

@test "TCP over IPv4: every line arrives intact, and both say so" {
	run lab 'receive; "$TRUESUM" send --size lines -n 12 -i 10ms 127.0.0.1 $PORT || exit 9; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"sent 12 messages to 127.0.0.1 port 5555"* ]]
	[[ "$output" == *"12 messages from 127.0.0.1"*"12 intact, 0 damaged, 0 missing"* ]]
	[ "$(grep -c 'aaaa 11$' <<<"$output")" -eq 2 ] # as sent and as received
}

@test "TCP over IPv6, JSON at both ends" {
	run lab 'receive --json; "$TRUESUM" send --size lines --json -n 3 -i 10ms ::1 $PORT >"$OUT/send"; received'
	[ "$status" -eq 0 ]
	jq -e '.command == "recv" and .result == "intact" and .intact == 3 and .bytes == 180 and
		.proto == "tcp" and .ended_by == "close" and .gaps == [] and
		(.wrong_by_offset_mod_16 | length) == 16' <<<"$output"
	jq -e '.command == "send" and .sent == 3 and .ended_by == "count" and
		.unacknowledged_bytes == 0' "$OUT/send"
}

@test "a name is resolved, and recv can be bound to one address" {
	run lab 'receive --bind 127.0.0.1 -q; "$TRUESUM" send -q -n 2 -i 10ms localhost $PORT; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"2 intact"* ]]
}

@test "UDP over IPv4 and IPv6: recv ends after a silence" {
	for host in 127.0.0.1 ::1; do
		run lab 'receive --udp --json --idle 200ms
			"$TRUESUM" send --udp -q -n 12 -i 10ms '$host' $PORT >"$OUT/send"; received'
		[ "$status" -eq 0 ]
		jq -e '.intact == 12 and .missing == 0 and .ended_by == "idle" and .proto == "udp"' \
			<<<"$output"
	done
}

@test "UDP: a lost and a duplicated datagram do not count as damage" {
	run lab 'receive --udp --json --idle 300ms
		exec 9>/dev/udp/127.0.0.1/$PORT
		for k in 0 1 2 3 4 6 6 7 8; do
			printf "%s %d\n" $LETTERS $k >&9
			sleep 0.01
		done; received'
	[ "$status" -eq 0 ]
	jq -e '.intact == 8 and .damaged == 0 and .missing == 1' <<<"$output"
}

@test "UDP without checksum: on the wire the field is 0" {
	run lab 'receive --udp -q --idle 200ms
		timeout 5 tcpdump -i lo -c 1 -nvvU udp port $PORT >"$OUT/tcpdump" 2>"$OUT/tcpdump.err" &
		until grep -q listening "$OUT/tcpdump.err"; do sleep 0.01; done
		"$TRUESUM" send --udp --no-check -q -n 3 -i 10ms 127.0.0.1 $PORT; wait $!
		cat "$OUT/tcpdump"; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"[no cksum]"* ]]
	[[ "$output" == *"3 intact"* ]]
}

@test "--no-check is refused if the protocol requires a checksum" {
	run lab '"$TRUESUM" send --udp --no-check ::1 $PORT'
	[ "$status" -eq 2 ]
	[[ "$output" == *"needs IPv4"* ]]
	run lab '"$TRUESUM" send --no-check 127.0.0.1 $PORT'
	[ "$status" -eq 2 ]
}

@test "a wrong byte is marked, its bit named, and the exit code is 1" {
	run lab 'receive; { echo "$LETTERS 0"; echo "aaaaaaa!${LETTERS:8} 1"; echo "$LETTERS 2"; } |
		nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 1 ]
	[[ "$output" == *"aaaaaaa!aaa"* ]]
	[[ "$output" == *$'\n'"                  ^"$'\n'* ]]
	[[ "$output" == *"0x61→0x21 at offset 7 (bit 6 1→0)"* ]]
	[[ "$output" == *"2 intact, 1 damaged, 0 missing"* ]]
	[[ "$output" == *"1 of 180 bytes wrong; bits: 1 1→0, 0 0→1"* ]]
	[[ "$output" == *"a TCP or UDP checksum would have stopped the damaged message"$'\n'* ]]
	[[ "$output" != *"checksum lets"* ]]
	[[ "$output" != *$'\033'* ]]
}

@test "recv says how much of the damage a checksum can see" {
	# "a" is 0x61, "c" is 2 more, "_" is 2 less: in two 16-bit words that cancels.
	run lab 'receive -q; { printf "ca%s 0\n" "${LETTERS:2}"; printf "ca_%s 1\n" "${LETTERS:3}"; } |
		nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 1 ]
	[[ "$output" == *"no TCP or UDP checksum can see the damage in 1 of 2 damaged messages; one would have stopped the other 1"* ]]
	[[ "$output" =~ "a TCP or UDP checksum lets about 1 in "[0-9]+" packets with damage of this kind through" ]]
	run lab 'receive -q; printf "ca_%s 0\n" "${LETTERS:3}" | nc -N 127.0.0.1 $PORT; received'
	[[ "$output" == *"no TCP or UDP checksum can see the damage in the damaged message"$'\n'* ]]
	# JSON has no key for it.
	run lab 'receive --json; printf "ca_%s 0\n" "${LETTERS:3}" | nc -N 127.0.0.1 $PORT; received'
	jq -e '.damaged == 1' <<<"$output"
	"$BATS_TEST_DIRNAME/../../tools/json-keys" check "$BATS_TEST_DIRNAME/../../src/cmd/traffic/recv.keys" <<<"$output"
}

@test "a wrong byte is red on a terminal, and not with NO_COLOR" {
	command -v script >/dev/null || skip "script(1) is not here"
	feed='until ss -Htln "sport = :$PORT" | grep -q .; do sleep 0.01; done
		echo "aaaaaaa!${LETTERS:8} 0" | nc -N 127.0.0.1 $PORT'
	run lab "{ $feed; } & TERM=xterm script -qec '$TRUESUM recv $PORT' /dev/null </dev/null"
	[[ "$output" == *$'aaaaaaa\033[1;31m!\033[0maaa'* ]]
	run lab "{ $feed; } & NO_COLOR=1 TERM=xterm script -qec '$TRUESUM recv $PORT' /dev/null </dev/null"
	[[ "$output" == *"aaaaaaa!aaa"* ]]
	[[ "$output" != *$'\033'* ]]
}

@test "a stuck data line is recognised by its offsets" {
	# Bit 0x20 of every byte at offset mod 16 = 7 reads 0.
	run lab 'receive --json; for k in 0 1 2 3; do
			printf "%.7sA%.15sA%.15sA%.15sA%.1s %d\n" $LETTERS $LETTERS $LETTERS $LETTERS a $k
		done | nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 1 ]
	jq -e '.damaged == 4 and .wrong_by_offset_mod_16[7] == 16 and
		.wrong_by_bit[5] == 16 and .bits_1_to_0 == 16 and .bits_0_to_1 == 0' <<<"$output"
}

@test "UDP: gaps are counted; a damaged counter does not look like a gap" {
	run lab 'receive --udp --json --idle 400ms
		for line in "$LETTERS 0" "$LETTERS 1" "$LETTERS 5" "$LETTERS 6" "$LETTERS 3" "$LETTERS 8" \
			"aaaaaaa!${LETTERS:8} 9"; do
			echo "$line" >/dev/udp/127.0.0.1/$PORT
		done; received'
	# Each datagram came from a port of its own: only the first one'"'"'s flow counts.
	jq -e '.intact == 1 and .other_datagrams == 6' <<<"$output"

	run lab 'receive --udp --json --idle 400ms
		exec 3>/dev/udp/127.0.0.1/$PORT
		for line in "$LETTERS 0" "$LETTERS 1" "$LETTERS 5" "$LETTERS 6" "$LETTERS 3" "$LETTERS 5" \
			"$LETTERS 8" "aaaaaaa!${LETTERS:8} 9"; do
			echo "$line" >&3
		done; received'
	[ "$status" -eq 1 ]
	# 2 and 4 are missing; "3" is late; the second "5" was 7 with a wrong bit.
	jq -e '.missing == 2 and .gaps == [{"first":2,"count":1},{"first":4,"count":1}] and
		.damaged == 2 and .intact == 6' <<<"$output"
}

@test "traffic of another program is reported as such, with limited output" {
	run lab 'receive --for 500ms; printf "GET / HTTP/1.1\r\nHost: a.very.long.name.example\r\nAccept: */*\r\n\r\n" |
		nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 3 ]
	[[ "$output" == *'"GET / HTTP/1.1··Host'* ]]
	[[ "$output" == *"does not send messages of"* ]]
	# Endless binary data: recv turns it away early, prints little of it, nothing unprintable.
	run lab 'receive --for 500ms; head -c 50000000 /dev/zero | nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 3 ]
	[ "${#lines[@]}" -lt 12 ]
	run lab 'receive --udp --for 400ms; head -c 1400 /dev/urandom >/dev/udp/127.0.0.1/$PORT; received'
	[ "$status" -eq 3 ]
	[[ "$output" == *"1400 bytes"* ]]
}

@test "a connection without a byte is not taken for the sender" {
	run lab 'receive -q; nc -z 127.0.0.1 $PORT
		"$TRUESUM" send -q -n 3 -i 10ms 127.0.0.1 $PORT; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"left without sending a byte"* ]]
	[[ "$output" == *"3 intact"* ]]
}

@test "no peer keeps another from being received: silent, talking nonsense, flooding, or many of them" {
	# One stays silent, one stays after a byte, one speaks HTTP, one sends binary data without
	# end, 30 connect; then the sender, which is intact, and the exit code is its own.
	run lab 'receive -q
		exec 3<>/dev/tcp/127.0.0.1/$PORT 4<>/dev/tcp/127.0.0.1/$PORT
		printf x >&4
		printf "GET / HTTP/1.1\r\n\r\n" | nc -N 127.0.0.1 $PORT
		head -c 50000000 /dev/zero | nc -N 127.0.0.1 $PORT
		for _ in {1..30}; do nc -d -w 3 127.0.0.1 $PORT & done
		until [ "$(ss -Htn "dport = :$PORT" | wc -l)" -gt 10 ]; do sleep 0.01; done
		"$TRUESUM" send -q -n 3 -i 10ms 127.0.0.1 $PORT || exit 9
		received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"3 messages from 127.0.0.1"*"3 intact, 0 damaged, 0 missing"* ]]
	# The one that was silent when the sender connected may send first all the same.
	run lab 'receive -q; exec 3<>/dev/tcp/127.0.0.1/$PORT
		nc -z 127.0.0.1 $PORT
		printf "$LETTERS 0\n" >&3
		exec 3>&-; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"1 intact"* ]]
	run lab 'receive -q --udp --idle 300ms; for _ in {1..20}; do head -c 1400 /dev/urandom >/dev/udp/127.0.0.1/$PORT; done
		"$TRUESUM" send -q --udp -n 3 -i 10ms 127.0.0.1 $PORT || exit 9; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"3 intact, 0 damaged, 0 missing"* ]]
}

@test "a message that is cut off is missing, not damaged" {
	run lab 'receive; printf "$LETTERS 0\n$LETTERS" | nc -N 127.0.0.1 $PORT; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"cut short"* ]]
	[[ "$output" == *"1 intact, 0 damaged, 1 missing"* ]]
}

@test "^C ends both with their summaries" {
	run lab 'receive; "$TRUESUM" send -q -i 10ms 127.0.0.1 $PORT & sender=$!
		until grep -q "aaa 3" "$OUT/recv"; do sleep 0.01; done
		kill -INT $sender; wait $sender || exit 9; received'
	[ "$status" -eq 0 ]
	[[ "$output" == *"sent "*"messages from"*"0 damaged, 0 missing"* ]]
	run lab 'receive; "$TRUESUM" send -q -i 10ms 127.0.0.1 $PORT & sender=$!
		until grep -q "aaa 3" "$OUT/recv"; do sleep 0.01; done
		kill -INT $receiver; received || exit 9; wait $sender'
	[ "$status" -eq 3 ] # the sender wanted to go on
	[[ "$output" == *"closed the connection after"* ]]
}

@test "port in use, connection refused, datagrams refused, no connection" {
	run lab 'receive; code=0; "$TRUESUM" recv $PORT || code=$?; kill $receiver; wait; exit $code'
	[ "$status" -eq 3 ]
	[[ "$output" == *"TCP port 5555 is in use"* ]]
	run lab '"$TRUESUM" send 127.0.0.1 $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"127.0.0.1 port 5555 refused the connection: start 'truesum recv 5555'"* ]]
	run lab '"$TRUESUM" send --udp -q -n 1 ::1 $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"refuses the datagrams"* ]]
	run lab '"$TRUESUM" send 192.0.2.1 $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"cannot reach 192.0.2.1"* ]]
	run lab '"$TRUESUM" send no-such-host.invalid $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"cannot find host 'no-such-host.invalid'"* ]]
	run lab '"$TRUESUM" recv --for 50ms $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"nothing was received"* ]]
	run lab '"$TRUESUM" recv --bind 192.0.2.1 $PORT'
	[ "$status" -eq 3 ]
	[[ "$output" == *"no device here has the address 192.0.2.1"* ]]
}

@test "bad numbers and operands are usage errors of one line" {
	while read -r line; do
		# shellcheck disable=SC2086
		run "$TRUESUM" $line
		echo "$line: $output"
		[ "$status" -eq 2 ]
		[ "${#lines[@]}" -eq 1 ]
	done <<-'ARGUMENTS'
		send
		send host
		send host 0
		send host 65536
		send host http
		send host 5555 more
		send --interval 1ms host 5555
		send --interval 2h host 5555
		send --size 79 host 5555
		send --size 65001 host 5555
		send --size large host 5555
		send --count 0 host 5555
		send --count 4294967296 host 5555
		recv
		recv 0
		recv 70000
		recv 55x
		recv --idle 0 5555
		recv --for never 5555
		recv --bind 300.1.1.1 5555
		recv --nonsense 5555
	ARGUMENTS
}

@test "messages of every size arrive intact, over TCP and UDP, and the receiver finds out their size" {
	local how
	for how in "" --udp "--size 80" "--size 80 --udp" "--size 1400 --udp" "--size 65000" "--size 65000 --udp" "--size lines"; do
		run lab 'receive --json --idle 300ms '"$([[ $how != *--udp* ]] || echo --udp)"'
			"$TRUESUM" send --json '"$how"' -n 17 -i 10ms 127.0.0.1 $PORT >"$OUT/send"; received'
		echo "$how: $output"
		[ "$status" -eq 0 ]
		jq -e '.result == "intact" and .intact == 17 and .missing == 0 and .strange == 0' <<<"$output"
		case $how in
		*lines*) jq -e '.bytes == 1027' <<<"$output" ;;
		*65000*) jq -e '.bytes == 17 * 65000' <<<"$output" ;;
		"" | --udp) jq -e '.bytes > 160000' <<<"$output" && jq -e '.size == "mix"' "$OUT/send" ;;
		esac
	done
}

@test "a path that loses big datagrams shows" {
	run lab 'nft "table inet t { chain i { type filter hook input priority -500; udp dport 5555 meta length > 1300 drop; }; }"
		receive --udp -q --idle 300ms
		"$TRUESUM" send --udp -q -n 23 -i 10ms 127.0.0.1 $PORT || exit 9; received'
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"no message of more than 1200 bytes arrived, and all smaller ones did: the path loses big"* ]]
	# Losses of all sizes are no sign of that.
	run lab 'nft "table inet t { chain i { type filter hook input priority -500; udp dport 5555 numgen inc mod 2 0 drop; }; }"
		receive --udp -q --idle 300ms
		"$TRUESUM" send --udp -q -n 23 -i 10ms 127.0.0.1 $PORT || exit 9; received'
	echo "$output"
	[[ "$output" == *missing* ]]
	[[ "$output" != *"loses big"* ]]
}

@test "a path that loses big TCP segments shows at the sender" {
	run lab 'nft "table inet t { chain i { type filter hook input priority -500; tcp dport 5555 meta length > 1300 drop; }; }"
		receive --for 4s
		{ sleep 1; kill -INT $(pgrep -x truesum -P $$ | tail -n 1); sleep 1; kill -INT $(pgrep -x truesum -P $$ | tail -n 1); } &
		"$TRUESUM" send -q -n 8 -i 10ms 127.0.0.1 $PORT >"$OUT/send"
		cat "$OUT/send"; received || true'
	echo "$output"
	[[ "$output" == *"a path that loses big packets"* ]]
}

@test "a wrong byte in a large message is shown with its offset, and the line is short" {
	run lab 'receive -q
		{ nc -l 127.0.0.1 5556 | LC_ALL=C sed "3s/^\(.\{4000\}\)a/\1!/" | nc -N 127.0.0.1 $PORT; } 2>/dev/null &
		until ss -Htln "sport = :5556" | grep -q .; do sleep 0.01; done
		"$TRUESUM" send -n 8 -q -i 10ms --size 5000 127.0.0.1 5556 2>/dev/null || true
		received'
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"0x61→0x21 at offset 4000 (bit 6 1→0)"* ]]
	[[ "$output" == *"7 intact, 1 damaged, 0 missing"* ]]
	[ "$(wc -L <<<"$output")" -le 100 ]
}
