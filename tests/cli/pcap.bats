#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What `truesum pcap` says about captures, most of them made by hand.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0
load pcap_make.bash
load world.bash
eval "$(declare -f setup | sed '1s/setup/setup_world/')"
export LC_ALL=C.UTF-8

PAYLOAD=6161616161616161616161616161616161616161616161616161616161616161 # 32 times "a"
PAYLOAD=$PAYLOAD$PAYLOAD
HEADERS=40 # of tcp()
TOP=$BATS_TEST_DIRNAME/../..

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[[ $TRUESUM == /* ]] || TRUESUM=$OLDPWD/$TRUESUM
}

pcap() {
	run --separate-stderr "$TRUESUM" pcap "$@"
	echo "$output"
	echo "stderr: $stderr"
}

# Three good packets, the second damaged and sent again.
damaged_once() {
	local packet
	packet=$(tcp 1064 "$PAYLOAD")
	capture "$(tcp 1000 "$PAYLOAD")" "$(flip "$packet" $((HEADERS + 23)) 0x40)" \
		"$(tcp 1128 "$PAYLOAD")" "$(tcp 1064 "$PAYLOAD" good 77)"
}

@test "pcap: nothing damaged: exit 0, the verdict first, a table of the layers that occur" {
	capture "$(tcp 1 "$PAYLOAD")" "$(udp 616263)" "$(udp6 6162)" >good.pcap
	pcap good.pcap
	[ "$status" = 0 ]
	[ "${lines[0]}" = "nothing damaged: all 5 checksums are right" ]
	[[ $output == *"2023-11-14T22:13:20.123456000Z to 2023-11-14T22:13:22.123456000Z"* ]]
	[ "$(grep -c '^ipv4 *2$' <<<"$output")" = 1 ]
	[ "$(grep -c '^udp *2$' <<<"$output")" = 1 ]
	[[ $output != *unfinished* ]]
	[[ $output != *icmp* ]]
	[ -z "$stderr" ]
}

@test "pcap: a damaged packet: exit 1, its flow, its rate, and the bit, found by the retransmission" {
	damaged_once >bad.pcap
	pcap bad.pcap
	[ "$status" = 1 ]
	[ "${lines[0]}" = "1 damaged packet in 1 flow" ]
	[[ $output == *"  1 of 4 (25 %)  tcp 10.0.0.1:40000 → 10.0.0.2:5555"$'\n'"    2023-11-14T22:13:21.123456000Z"$'\n'* ]]
	[[ $output == *"computed - stored = 0x0040"* ]]
	[[ $output == *"1 compared with an undamaged copy in the capture: 1 bit 1→0"* ]]
	[[ $output == *"mod 16: 7 (1)"* ]]
	[[ $output != *"bad data line"* ]]
	[[ $output == *"truesum pcap --packets bad.pcap"* ]]
}

@test "pcap: without a copy it says so, and names the single flip that would explain the sum" {
	capture "$(tcp 1000 "$PAYLOAD")" "$(flip "$(tcp 1064 "$PAYLOAD")" $((HEADERS + 22)) 0x10)" >bad.pcap
	pcap bad.pcap
	[ "$status" = 1 ]
	[[ $output == *"computed - stored = -0x1000"*"one flip would explain it: bit 4 of a byte at an even offset, 0→1"* ]]
	[[ $output == *"1 without an undamaged copy"* ]]
}

@test "pcap: the differences of the sums, the most frequent first, each once" {
	local at=0 packets=() change
	for change in "23 0x01" "25 0x01" "23 0x04" "25 0x04" "27 0x04" "22 0x10"; do
		# shellcheck disable=SC2086 # two arguments
		packets+=("$(flip "$(tcp $((1000 * ++at)) "$PAYLOAD")" $((HEADERS + ${change% *})) ${change#* })")
	done
	capture "${packets[@]}" >bad.pcap
	pcap bad.pcap
	[ "$status" = 1 ]
	[ "$(sed -n 's/^  \([0-9]* packets*\): computed - stored = /\1 /p' <<<"$output")" = \
		$'3 packets -0x0004\n2 packets 0x0001\n1 packet -0x1000' ]
}

@test "pcap: damage in several flows: the end that they have in common is named" {
	local ends way want packets
	while IFS='|' read -r ends want; do
		packets=()
		for way in $ends; do # from 10.0.0.N to 10.0.0.M as NM
			packets+=("$(flip "$(ipv4 17 "0a00000${way:0:1}" "0a00000${way:1}" "$(transport 17 \
				"0a00000${way:0:1}" "0a00000${way:1}" 03e807d0000a 6162)")" 28 0x04)")
		done
		capture "${packets[@]}" >some.pcap
		pcap some.pcap
		[[ $output == *"  $want"* ]]
	done <<-END
		12|All of it happened on the way from 10.0.0.1 to 10.0.0.2.
		12 13 12|All of it comes from 10.0.0.1: look there first
		13 23 13|All of it goes to 10.0.0.3, from several senders
		12 34 12|Senders and receivers differ
	END
}

@test "pcap: unfinished sums do not count as damage" {
	capture "$(tcp 1 "$PAYLOAD" unfinished)" "$(udp 616263 unfinished)" "$(tcp 65 "$PAYLOAD")" >offload.pcap
	pcap offload.pcap
	[ "$status" = 0 ]
	[ "${lines[0]}" = "nothing damaged: 4 checksums are right; 2 unfinished sums, as captures at a sender show them" ]
	[[ $output == *"It shows no damage, and is right on"* ]]
	pcap --json offload.pcap
	jq -e '.damaged_packets == 0 and .layers.tcp.unfinished == 1 and .layers.udp.unfinished == 1 and
		.layers.tcp.bad == 0 and .damage == null and .flows == []' <<<"$output"
}

@test "pcap: recognises a bad data line, and only a bad data line" {
	local packet at args=()
	for at in 7 23 39 55; do
		packet=$(tcp $((1000 + at)) "$PAYLOAD")
		args+=("$packet" "$(flip "$packet" $((HEADERS + at)) 0x20)")
	done
	capture "${args[@]}" >line.pcap
	pcap line.pcap
	[ "$status" = 1 ]
	[[ $output == *"always bit 5 at offset mod 16 = 7, stuck at 0: one bad data line of a"*128-bit-wide* ]]
	pcap --json line.pcap
	jq -e '.damage | .compared == 4 and .bits == 4 and .bits_1_to_0 == 4 and .by_offset_mod_16[7] == 4 and
		.line == {"width_bits":128,"offset":7,"bit":5,"stuck_at":0}' <<<"$output"
	packet=$(tcp 2000 "$PAYLOAD")
	capture "${args[@]}" "$packet" "$(flip "$packet" $((HEADERS + 8)) 0x20)" >noline.pcap
	pcap noline.pcap
	[[ $output == *"5 bits 1→0"*"mod 16: 7 (4), 8 (1)"*"always bit 5, stuck at 0, at any offset"* ]]
	capture "${args[@]}" "$packet" "$(flip "$packet" $((HEADERS + 7)) 0x01)" >noline.pcap
	pcap noline.pcap
	[[ $output == *"5 bits 1→0"* ]]
	[[ $output != *always* ]]
}

@test "pcap: when the flipped bits are known, it says how much of such damage a TCP checksum lets through" {
	local down up
	# Two flips 1→0 in the first packet, two flips 0→1 in the second, in the same column: one of
	# each kind would cancel out.
	down=$(tcp 1000 "$PAYLOAD")
	up=$(tcp 1064 "${PAYLOAD//61/41}")
	capture "$down" "$(flip "$(flip "$down" $HEADERS 0x20)" $((HEADERS + 8)) 0x20)" >down.pcap
	pcap down.pcap
	[[ $output == *"1 compared with an undamaged copy in the capture: 2 bits 1→0"* ]]
	[[ $output == *"  A TCP checksum catches all damage of this kind."* ]]
	capture "$down" "$(flip "$(flip "$down" $HEADERS 0x20)" $((HEADERS + 8)) 0x20)" \
		"$up" "$(flip "$(flip "$up" $HEADERS 0x20)" $((HEADERS + 8)) 0x20)" >both.pcap
	pcap both.pcap
	[[ $output == *"2 compared with an undamaged copy in the capture: 4 bits: 2 1→0, 2 0→1"* ]]
	[[ $output == *"  A TCP checksum lets about 1 in 2 packets with damage of this kind through."* ]]
	pcap --json both.pcap
	[[ $output != *"TCP checksum"* ]]
	# Without a copy the changed bits are unknown.
	capture "$(tcp 1000 "$PAYLOAD")" "$(flip "$(tcp 1064 "$PAYLOAD")" $((HEADERS + 22)) 0x10)" >bad.pcap
	pcap bad.pcap
	[[ $output != *"TCP checksum"* ]]
}

@test "pcap: UDP is compared with its duplicate, captured before or after it, not with similar packets" {
	local packet other
	packet=$(udp "$PAYLOAD" good 7)
	other=$(udp "${PAYLOAD:2}62" good 8)
	capture "$other" "$packet" "$other" "$(flip "$packet" 33 0x08)" >dup.pcap
	pcap --json dup.pcap
	[ "$status" = 1 ]
	jq -e '.damage.compared == 1 and .damage.bits == 1 and .damage.by_offset_mod_16[5] == 1' <<<"$output"
	capture "$other" "$(flip "$packet" 33 0x08)" "$other" >like.pcap
	pcap --json like.pcap
	jq -e '.damaged_packets == 1 and .damage.compared == 0' <<<"$output"
}

@test "pcap: a damaged IP header is damage, whose addresses are not trusted" {
	capture "$(tcp 1 "$PAYLOAD")" "$(flip "$(udp 616263)" 8 0x01)" >header.pcap
	pcap header.pcap
	[ "$status" = 1 ]
	[[ $output == *"In 1 the IP header is damaged: the addresses may be, too."* ]]
	[[ $output == *"1 damaged in the IP header"* ]]
}

@test "pcap: a datagram in fragments is judged when it is complete" {
	local whole body first second
	whole=$(udp "$PAYLOAD")
	body=${whole:40}
	first=$(ipv4 17 0a000001 0a000002 "${body:0:64}" 9 0x2000)
	second=$(ipv4 17 0a000001 0a000002 "${body:64}" 9 4)
	capture "$first" "$second" >whole.pcap
	pcap --json whole.pcap
	[ "$status" = 0 ]
	jq -e '.layers.udp.good == 1 and .layers.udp.unknown == 0 and .unknown == []' <<<"$output"
	capture "$first" "$(flip "$second" 30 0x80)" >broken.pcap
	pcap --packets broken.pcap
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == "       2 "*"bad udp"* ]]
	pcap broken.pcap
	[[ $output == *"1 in fragments"* ]]
	capture "$first" >missing.pcap
	pcap missing.pcap
	[ "$status" = 0 ]
	[[ $output == *"1 packet not judged"*"1 packet: fragments are missing"* ]]
}

@test "pcap: UDP over IPv6 without a checksum is dropped by most receivers: exit 1" {
	capture "$(udp6 6162 none)" "$(udp 6162 none)" >none.pcap
	pcap none.pcap
	[ "$status" = 1 ]
	[[ ${lines[0]} == "nothing damaged: "*"; 1 UDP packet over IPv6 without a sum: dropped unless the socket accepts it (UDP_NO_CHECK6_RX)" ]]
	pcap --json none.pcap
	[ "$status" = 1 ]
	jq -e '.layers.udp.illegal_none == 1 and .layers.udp.none == 1 and .damaged_packets == 0' <<<"$output"
	# A sum that is 0 has to be sent as 0xffff. Here it is: the payload is what completes it.
	local whole
	whole=$(udp6 0000)
	whole=$(udp6 "${whole:92:4}" none)
	capture "$whole" >zero.pcap
	pcap --packets=all zero.pcap
	[[ $output == *"illegal-none udp"*"its sum is 0, which a sender has to write as 0xffff" ]]
}

@test "pcap: UDP over IPv6 without a checksum from those whose receivers accept it: they are named" {
	local port name
	while read -r port name; do
		capture "$(udp6 ff00000000000000000000 none "$port")" "$(udp 6162)" >known.pcap
		pcap known.pcap
		[ "$status" = 0 ]
		[[ $output == *"1 UDP packet over IPv6 without a sum from $name, whose receivers accept that"* ]]
	done <<-END
		2152 GTP-U
		4789 VXLAN
		6081 Geneve
		4791 RoCEv2
		1701 L2TP
		6118 TIPC
	END
	# truesum's own messages
	capture "$(udp6 "${PAYLOAD:0:114}2030300a" none)" "$(udp 6162)" >known.pcap
	pcap known.pcap
	[ "$status" = 0 ]
	[[ $output == *"without a sum from truesum, whose receivers accept that"* ]]
	capture "$(udp6 "${PAYLOAD:0:112}2030300a" none)" >unknown.pcap
	pcap unknown.pcap
	[ "$status" = 1 ]
}

@test "pcap: the headline counts packets in tunnels and link types that were not opened" {
	local inner port name payload args=()
	inner=$(tcp 1 "$PAYLOAD")
	while read -r port name payload; do
		capture "$(udp "$payload$inner" good 1 "$port")" "$(udp 6162)" "$(udp 6162 good 2)" >closed.pcap
		pcap closed.pcap
		[ "$status" = 0 ]
		[ "${lines[0]}" = "nothing damaged in what was judged: 6 checksums are right; 1 of 3 packets is in ${name//_/ }, not opened" ]
		args+=(closed.pcap)
	done <<-END
		2152 GTP-U 30ff00680000000b
		6784 VXLAN 08000000000007000200000000020200000000010800
		4790 VXLAN-GPE 0c00000100000700
		6080 GUE 00040000
		1701 L2TP 0002000100010021
		4754 GRE_over_UDP 00000800
		6635 MPLS_over_UDP 00064140
		4341 LISP 8800000000000001
		4500 IPsec 0000100100000001
		7000 Geneve 00006558000007000200000000020200000000010800
	END
	# What manages a tunnel carries no packets: GTP-U's echo, IKE, L2TP's control messages.
	capture "$(udp 320100040000000000000000 good 1 2152)" "$(udp 0000000012345678 good 2 4500)" \
		"$(udp c80200140001000000000000 good 3 1701)" "$(udp ff good 3 4500)" >open.pcap
	pcap open.pcap
	[ "${lines[0]}" = "nothing damaged: all 8 checksums are right" ]
	# Over IP: ESP, EtherIP, GRE with ERSPAN; two kinds: the more frequent one is named.
	capture "$(ipv4 50 0a000001 0a000002 "1000000100000001$inner")" \
		"$(ipv4 50 0a000001 0a000002 "1000000100000002$inner" 2)" \
		"$(ipv4 47 0a000001 0a000002 "000088be$inner" 3)" "$(udp 6162)" >esp.pcap
	pcap esp.pcap
	[ "${lines[0]}" = "nothing damaged in what was judged: 5 checksums are right; 3 of 4 packets are in IPsec and others, not opened" ]
	[[ $output == *"  2 packets in IPsec"*"  1 packet in ERSPAN"* ]]
	# A datagram in fragments counts once.
	local whole
	whole=$(udp "30ff00680000000b$inner" good 1 2152)
	whole=${whole:40}
	capture "$(ipv4 17 0a000001 0a000002 "${whole:0:64}" 9 0x2000)" "$(ipv4 17 0a000001 0a000002 "${whole:64}" 9 4)" >cut.pcap
	pcap cut.pcap
	[[ ${lines[0]} == *"; 1 of 2 packets is in GTP-U, not opened" ]]
}

@test "pcap: TCP over IPv6 with the length 0, as a broken NIC sends it, is reported" {
	local packet
	packet=$(tcp6 1 "$PAYLOAD")
	capture "${packet:0:8}0000${packet:12}" "$(tcp6 65 "$PAYLOAD")" >length.pcap
	pcap length.pcap
	[ "$status" = 0 ]
	[[ $output == *"1 TCP packet over IPv6 with the length 0 in the IPv6 header."* ]]
	capture "$(flip "${packet:0:8}0000${packet:12}" 70 1)" >length.pcap
	pcap --packets=all length.pcap
	[[ $output == *"unknown tcp"*"its IPv6 length is 0, as large send offload leaves it" ]]
}

@test "pcap: fragments that contradict each other are counted once" {
	local body
	body=$(udp "$PAYLOAD")
	body=${body:40}
	capture "$(ipv4 17 0a000001 0a000002 "${body:0:96}" 9 0x2000)" \
		"$(ipv4 17 0a000001 0a000002 "${body:48}" 9 4)" "$(udp 6162)" >fragments.pcap
	pcap fragments.pcap
	[[ ${lines[0]} == *"; 2 packets not judged" ]]
	pcap --json fragments.pcap
	jq -e '([.unknown[].packets] | add) == 2' <<<"$output"
}

@test "pcap: packets that were cut off are not judged; tcpdump -s is named" {
	{ pcap_head 101; record 1 "$(tcp 1 "$PAYLOAD")" 60; } >cut.pcap
	pcap cut.pcap
	[ "$status" = 0 ]
	[ "${lines[0]}" = "nothing damaged: one checksum is right; 1 packet not judged" ]
	[[ $output == *"1 packet cut off by the capture (tcpdump -s 0"* ]]
	{ pcap_head 101; record 1 "$(tcp 1 "$PAYLOAD")" 10; } >cut.pcap
	pcap cut.pcap
	[ "$status" = 3 ]
	[[ ${lines[0]} == "nothing could be judged: too little of each packet was kept" ]]
}

@test "pcap: a file that breaks off is judged up to there, and it says where" {
	damaged_once >bad.pcap
	head -c 400 bad.pcap >part.pcap
	pcap part.pcap
	[ "$status" = 1 ]
	[[ $output == *"breaks off at byte 384: "*"What comes before was judged."* ]]
	pcap --json part.pcap
	jq -e '.packets == 3 and .complete == false and .broken.offset == 384 and
		(.broken.why | length > 10)' <<<"$output"
	head -c 50 bad.pcap >part.pcap
	pcap part.pcap
	[ "$status" = 3 ]
	[[ ${lines[0]} == "nothing could be judged: the capture breaks off before its first packet" ]]
}

@test "pcap: gzip, zstd and pipes give the same result as the file" {
	damaged_once >bad.pcap
	gzip -c bad.pcap >bad.pcap.gz
	pcap --json bad.pcap
	[ "$status" = 1 ]
	jq 'del(.file, .compression)' <<<"$output" >want
	jq -e '.compression == "none" and .format == "pcap" and .complete' <<<"$output"
	pcap --json bad.pcap.gz
	jq -e '.compression == "gzip"' <<<"$output"
	jq 'del(.file, .compression)' <<<"$output" | diff want -
	if command -v zstd; then
		zstd -q bad.pcap
		pcap --json bad.pcap.zst
		jq -e '.compression == "zstd"' <<<"$output"
		jq 'del(.file, .compression)' <<<"$output" | diff want -
	fi
	for file in bad.pcap bad.pcap.gz; do
		# shellcheck disable=SC2002 # a pipe is wanted
		cat $file | "$TRUESUM" pcap --json - >out || [ $? = 1 ]
		jq -e '.file == "standard input"' out
		jq 'del(.file, .compression)' out | diff want -
	done
}

@test "pcap: a file that is no capture is named in one line, exit 3" {
	: >empty
	echo "no capture at all" >text
	pcap_head 101 >header
	pcap_head 147 >strange
	record 0 616263 >>strange
	local file
	for file in empty text nosuch .; do
		pcap $file
		[ "$status" = 3 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
		[[ $stderr == "truesum pcap: "*$file* ]]
	done
	pcap header
	[ "$status" = 3 ]
	[ "${lines[0]}" = "nothing could be judged: there is no packet in the capture" ]
	pcap strange
	[ "$status" = 3 ]
	[[ ${lines[0]} == "nothing could be judged: "*"; 1 of 1 packet is of link type 147, not opened" ]]
	[[ $output == *"1 packet of link type 147, which is not known"* ]]
	pcap --json strange
	[ "$status" = 3 ]
	jq -e '.unknown == [{"reason":"link type 147 is not known","packets":1}]' <<<"$output"
}

@test "pcap: several files: each its own summary, the worst exit code" {
	damaged_once >bad.pcap
	capture "$(udp 6162)" >good.pcap
	pcap good.pcap nosuch.pcap bad.pcap
	[ "$status" = 1 ]
	[[ $output == "good.pcap: nothing damaged"*$'\n\n'"bad.pcap: 1 damaged packet in 1 flow"* ]]
	[[ $stderr == *nosuch.pcap* ]]
	pcap good.pcap nosuch.pcap
	[ "$status" = 3 ]
	pcap --json good.pcap bad.pcap
	[ "$(jq -c '[.file, .damaged_packets]' <<<"$output" | xargs)" = "[good.pcap,0] [bad.pcap,1]" ]
	[ "${#lines[@]}" = 2 ]
}

@test "pcap --packets: a line for each, frames as Wireshark counts, the verdict on standard error" {
	damaged_once >bad.pcap
	pcap --packets bad.pcap
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output =~ ^\ +2\ \ 2023-11-14T22:13:21.123456000Z\ \ bad\ tcp\ .*10.0.0.1:40000\ →\ 10.0.0.2:5555\ \ stored\ 0x.{4},\ computed\ 0x.{4},\ difference\ 0x0040\ \ damaged$ ]]
	[ "$stderr" = "1 damaged packet in 1 flow" ]
	capture "$(tcp 1 "$PAYLOAD" unfinished)" "$(udp 6162)" "$(udp 6162 none)" >some.pcap
	pcap --packets=unfinished some.pcap
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == *"unfinished tcp"*"the pseudo-header's sum" ]]
	pcap --packets=all some.pcap
	[ "${#lines[@]}" = 3 ]
	pcap --packets some.pcap
	[ -z "$output" ]
	pcap --packets=all --json some.pcap
	[ "$(jq -r '"\(.frame) \(.verdict) \(.layer)"' <<<"$output" | xargs)" = "1 unfinished tcp 2 good udp 3 good ipv4" ]
	# Both sums of every layer that has them, equal if they are right.
	[ "$(jq -r '.layers[] | "\(.layer) \(.verdict) \(.stored != null) \(.stored == .computed)"' <<<"$output")" = \
		"$(printf '%s\n' 'ipv4 good true true' 'tcp unfinished true false' 'ipv4 good true true' \
			'udp good true true' 'ipv4 good true true' 'udp none false true')" ]
	[ -z "$stderr" ]
}

@test "pcap --write: the damaged packets, with comments that Wireshark shows" {
	damaged_once >bad.pcap
	capture "$(udp 6162)" >good.pcap
	pcap --write out.pcapng good.pcap bad.pcap
	[ "$status" = 1 ]
	[[ $output == *"1 damaged packet written to out.pcapng" ]]
	pcap --write out.pcapng bad.pcap
	[ "$status" = 3 ]
	[[ $stderr == *out.pcapng* ]]
	pcap --write none.pcapng good.pcap
	[ "$status" = 0 ]
	[ ! -e none.pcapng ]
	pcap --packets out.pcapng
	[ "${#lines[@]}" = 1 ]
	# The same from a stream.
	run bash -c 'gzip -c bad.pcap | "$1" pcap --json --write stream.pcapng -' bash "$TRUESUM"
	[ "$status" = 1 ]
	run "$TRUESUM" pcap --packets stream.pcapng
	[ "${#lines[@]}" = 2 ] # and the verdict
	command -v tshark >/dev/null || skip "no tshark to read it with"
	run tshark -r out.pcapng -T fields -e tcp.seq_raw -e frame.time_epoch -e frame.comment
	echo "$output"
	[[ $output == *"1064	1700000001.123456000	truesum: frame 2 is damaged: tcp checksum stored 0x"*"1 bit changed from frame 4: payload offset 23 bit 6 1→0"* ]]
	[ "$(tshark -r out.pcapng 2>/dev/null | wc -l)" = 1 ]
}

@test "pcap --diff: damage that no checksum shows" {
	local one two
	one=$(tcp 1000 "$PAYLOAD")
	two=$(tcp 1064 "$PAYLOAD")
	capture "$one" "$two" >before.pcap
	# Two flips of the same column, one up and one down: bit 0 of bytes 4 and 6.
	capture "$one" "$(flip "$(flip "$two" $((HEADERS + 4)) 1)" $((HEADERS + 6)) 2)" >seen.pcap
	two=$(tcp 1064 "6160${PAYLOAD:4}")
	capture "$one" "$two" >before2.pcap
	capture "$one" "$(flip "$(flip "$two" $((HEADERS + 1)) 1)" $((HEADERS + 3)) 1)" >unseen.pcap
	pcap unseen.pcap
	[ "$status" = 0 ]
	pcap before2.pcap --diff unseen.pcap
	[ "$status" = 1 ]
	[ "${lines[0]}" = "1 of 2 packets changed on the way; no checksum shows it" ]
	[[ $output == *"frame 2 → 2  tcp 10.0.0.1:40000 → 10.0.0.2:5555"*"2 bits"*"payload offset 1: 0x60→0x61"* ]]
	pcap before.pcap --diff seen.pcap --json
	[ "$status" = 1 ]
	jq -e '.changed == 1 and .changed_unseen == 0 and .same == 1 and .lost == 0 and .new == 0 and
		.changes[0].frame_after == 2 and .changes[0].bits == 2 and .damage.bits == 2' <<<"$output"
	pcap before.pcap --diff before.pcap
	[ "$status" = 0 ]
	[[ ${lines[0]} == "nothing changed on the way: 2 packets"* ]]
	capture "$(udp 6162)" >other.pcap
	pcap before.pcap --diff other.pcap
	[ "$status" = 3 ]
	[[ ${lines[0]} == "nothing could be compared: no packet is in both"* ]]
	pcap before.pcap --diff nosuch.pcap
	[ "$status" = 3 ]
	[[ $stderr == *nosuch.pcap* ]]
}

@test "pcap: options that contradict each other are a usage error of one line" {
	damaged_once >bad.pcap
	while read -r arguments; do
		# shellcheck disable=SC2086
		pcap $arguments
		[ "$status" = 2 ]
		[ -z "$output" ]
		[ "$(wc -l <<<"$stderr")" = 1 ]
		[[ $stderr == *"truesum pcap --help"* ]]
	done <<-'END'

		--packets
		--packets=good bad.pcap
		--diff bad.pcap
		--diff bad.pcap --packets bad.pcap
		--diff bad.pcap --write out.pcapng bad.pcap
		--diff bad.pcap bad.pcap bad.pcap
		--diff - -
		- -
		--threads 2 bad.pcap
	END
	[ ! -e out.pcapng ]
}

@test "pcap: any number of threads finds the same, in files of many pieces, frame by frame" {
	damaged_once | tail -c +25 >unit
	for _ in {1..15}; do
		cat unit unit >twice
		mv twice unit
	done
	{ pcap_head 101; cat unit; } >large.pcap
	[ "$(stat -c %s large.pcap)" -gt 10000000 ]
	taskset -c "$(taskset -pc $$ | sed 's/.*: //; s/[,-].*//')" "$TRUESUM" pcap --json large.pcap >one || [ $? = 1 ]
	"$TRUESUM" pcap --json large.pcap >several || [ $? = 1 ]
	cmp one several
	jq -e '.packets == 131072 and .damaged_packets == 32768 and .damage.compared == 32768 and
		.damage.bits == 32768 and .damage.by_offset_mod_16[7] == 32768' several
	"$TRUESUM" pcap --packets --json large.pcap | jq -r .frame | awk '$1 != 4 * NR - 2 { exit 1 } END { exit NR != 32768 }'
	gzip -1 -c large.pcap | "$TRUESUM" pcap --json - | jq -e '.damaged_packets == 32768 and .damage.bits == 32768'
}

@test "pcap: a capture inside a capture does not mislead it" {
	# The inner packets look like complete records at the right distance, wherever a thread
	# begins to look.
	local inner
	damaged_once >inner
	inner=$(od -An -v -tx1 inner | tr -d ' \n')
	record 1 "$(udp "${inner:48}${inner:48}${inner:48}")" >unit
	for _ in {1..12}; do
		cat unit unit >twice
		mv twice unit
	done
	{ pcap_head 101; cat unit; } >outer.pcap
	pcap --json outer.pcap
	[ "$status" = 0 ]
	jq -e '.packets == 4096 and .layers.udp.good == 4096 and .layers.tcp == null' <<<"$output"
}

@test "pcap: colour on a terminal only, not with NO_COLOR; nothing is left of a progress line" {
	command -v script >/dev/null || skip "script(1) is not here"
	damaged_once >bad.pcap
	run env TERM=xterm script -qec "$TRUESUM pcap bad.pcap" /dev/null </dev/null
	[[ $output == *$'\033[1;31m1 damaged packet in 1 flow\033[0m'* ]]
	[[ $output != *$'\033[K'* ]]
	run env TERM=xterm NO_COLOR=1 script -qec "$TRUESUM pcap bad.pcap" /dev/null </dev/null
	[[ $output == *"1 damaged packet in 1 flow"* ]]
	[[ $output != *$'\033'* ]]
	pcap bad.pcap
	[[ $output != *$'\033'* ]]
	# A slow pipe gives a progress line, which is removed at the end.
	run env TERM=xterm script -qec "{ cat bad.pcap; sleep 1.3; tail -c +25 bad.pcap; } | $TRUESUM pcap - >report" /dev/null </dev/null
	echo "$output" | cat -v
	[[ $output == *"standard input: "*"/s, "*"damaged"*$'\r\033[K' ]]
	grep -q "2 damaged packets" report
}

@test "pcap: every JSON key is in its table, and no other" {
	damaged_once >bad.pcap
	local at args=()
	for at in 7 23 39 55; do
		args+=("$(tcp $((1000 + at)) "$PAYLOAD")" "$(flip "$(tcp $((1000 + at)) "$PAYLOAD")" $((HEADERS + at)) 0x20)")
	done
	capture "${args[@]}" "$(udp 6162)" | head -c -1 >line.pcap
	{ pcap_head 101; record 1 "$(tcp 1 "$PAYLOAD")" 60; } >cut.pcap
	capture "$(tcp 1000 "$PAYLOAD")" >before.pcap
	capture "$(flip "$(tcp 1000 "$PAYLOAD")" $((HEADERS + 1)) 1)" >behind.pcap
	check() { "$TOP/tools/json-keys" check --all "$TOP/src/cmd/pcap/$1.keys"; }
	{ "$TRUESUM" pcap --json bad.pcap line.pcap cut.pcap || [ $? = 1 ]; } | check pcap
	{ "$TRUESUM" pcap --json --packets bad.pcap || [ $? = 1 ]; } | check packets
	{ "$TRUESUM" pcap --json --diff behind.pcap before.pcap || [ $? = 1 ]; } | check diff
}

@test "pcap: of live traffic: damage is found where it arrives, offload is not called damage" {
	setup_world
	local tcpdump
	# A large buffer: `send` also sends 64 kB at once, and no packet may be missed.
	"${IN_WORLD[@]}" ip netns exec B tcpdump --immediate-mode -B 65536 -Uni vb -w "$WORK/live.pcap" tcp 2>"$WORK/tcpdump" 3>&- &
	tcpdump=$!
	wait_for "grep -q listening $WORK/tcpdump" || skip "no tcpdump"
	start_corrupt --match 'tcp dst port 5555' --pattern stuck0 --bit 5 --rate 30% --json
	in_b timeout 20 "$TRUESUM" recv -q 5555 >/dev/null 3>&- &
	wait_for "in_b ss -ltn | grep -q :5555"
	in_a timeout 20 "$TRUESUM" send -q -n 60 -i 10ms 10.9.0.2 5555
	kill -INT "$CORRUPT"
	wait "$CORRUPT"
	sleep 0.5
	kill "$tcpdump"
	wait "$tcpdump" || true
	pcap --json "$WORK/live.pcap"
	[ "$status" = 1 ]
	[ "$(jq .damaged_packets <<<"$output")" = "$(json .damaged)" ]
	jq -e '.damaged_flows == 1 and .flows[0].dst_port == 5555 and .flows[0].src == "10.9.0.1" and
		.layers.tcp.unfinished > 10 and .layers.ipv4.bad == 0' <<<"$output"
	# The bad line's offset is known, and TCP retransmitted everything.
	jq -e '.damage.compared == .damaged_packets and .damage.bits_0_to_1 == 0 and
		.damage.by_offset_mod_16[7] == .damage.bits and .damage.bits > 0' <<<"$output"
}
