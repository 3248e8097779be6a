#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What `truesum pcap` makes of wrong and unfinished sums: damage, rewritten headers, and whether a
# receiver dropped what was unfinished.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0
load pcap_make.bash
export LC_ALL=C.UTF-8

TOP=$BATS_TEST_DIRNAME/../..
A=0a000001 B=0a000002 C=c6336407
SYN=02 ACK=10 PUSH=18
A6=20010db8000000000000000000000001 B6=20010db8000000000000000000000002
MIXED=4d6f6e6461792c20323320466562203a2d2920302e383920252d2d3e20fe01807f # no bit is always the same

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	[[ $TRUESUM == /* ]] || TRUESUM=$OLDPWD/$TRUESUM
}

pcap() {
	run --separate-stderr "$TRUESUM" pcap "$@"
	echo "$output"
	echo "stderr: $stderr"
}

# The first line, and the exit code.
verdict() {
	local code=$1
	shift
	pcap "$@"
	[ "$status" = "$code" ]
	headline=${lines[0]}
}

# segment SRC DST PORTS SEQ FLAGS PAYLOAD [KIND [FROM [TO [SUM_PORTS]]]]: IPv4 or IPv6 by the
# address's length; the sum is made with the addresses FROM and TO and the ports SUM_PORTS.
segment() {
	local src=$1 dst=$2 body sum
	body=$(transport 6 "${8:-$src}" "${9:-$dst}" "${10:-$3}$(printf '%08x' "$4")00000000\
50${5}7210" "0000$6" "${7:-good}")
	sum=$3${body:8}
	if [ ${#src} = 8 ]; then
		ipv4 6 "$src" "$dst" "$sum" "$4"
	else
		printf '60000000%04x0640%s%s%s' $((${#sum} / 2)) "$src" "$dst" "$sum"
	fi
}

# datagram SRC DST PORTS PAYLOAD [KIND [SUM_PORTS]]
datagram() {
	local body
	body=$(transport 17 "$1" "$2" "${6:-$3}$(printf '%04x' $((8 + ${#4} / 2)))" "$4" "${5:-good}")
	ipv4 17 "$1" "$2" "$3${body:8}" "$((RANDOM + 1))"
}

@test "pcap: an address rewritten after the sum was made is no damage: its own class, exit 1" {
	local at packets=()
	for at in 0 1 2 3; do
		packets+=("$(segment $A $C 9c400050 $((1000 + at)) $ACK "" good ac101234)"
			"$(segment $C $A 00509c40 $((7000 + at)) $PUSH "$MIXED$at$at" good $C ac101234)")
	done
	capture "${packets[@]}" >rewritten.pcap
	verdict 1 rewritten.pcap
	[[ $headline == "8 packets in 2 flows rewritten after the sum was made: header fields changed by "*" in sum" ]]
	[[ $output != *"damaged packet"* ]]
	[[ $output == *"This is no damage in transit."* ]]
	pcap --json rewritten.pcap
	jq -e '.schema == 2 and .damaged_packets == 0 and .damaged_flows == 0 and .flows == [] and .damage == null and
		.rewritten_packets == 8 and .layers.tcp.bad == 8 and .diagnosis[0].class == "rewritten" and
		.diagnosis[0].packets == 8 and .diagnosis[0].flows == 2 and (.headline | startswith("8 packets"))' <<<"$output"
	# --packets=bad takes all wrong sums and says what they are; so does --write.
	pcap --json --packets=bad rewritten.pcap
	[ "$(jq -r .class <<<"$output" | sort | uniq -c | xargs)" = "8 rewritten" ]
	[[ $(jq -s length <<<"$output") == 8 ]]
	pcap --write wrong.pcapng rewritten.pcap
	grep -qa "frame 3 is rewritten: tcp checksum" wrong.pcapng
	# One packet more, damaged: both are said, and the damage is not lost.
	capture "${packets[@]}" "$(flip "$(segment $A $B 9c410051 5 $PUSH "$MIXED")" 50 1)" >both.pcap
	verdict 1 both.pcap
	[[ $headline == "1 damaged packet in 1 flow; 8 packets in 2 flows rewritten"* ]]
	pcap --json both.pcap
	jq -e '.damaged_packets == 1 and .rewritten_packets == 8 and [.diagnosis[].class] == ["damaged", "rewritten"] and
		(.damage.differences | length) == 1 and (.flows | length) == 1' <<<"$output"
}

@test "pcap: two packets, or a right one among them, are not enough for rewritten" {
	capture "$(segment $A $C 9c400050 1 $ACK "" good ac101234)" \
		"$(segment $A $C 9c400050 2 $PUSH "$MIXED" good ac101234)" >few.pcap
	verdict 1 few.pcap
	[ "$headline" = "2 damaged packets in 1 flow" ]
	capture "$(segment $A $C 9c400050 1 $ACK "" good ac101234)" "$(segment $A $C 9c400050 3 $ACK "")" \
		"$(segment $A $C 9c400050 2 $PUSH "$MIXED" good ac101234)" \
		"$(segment $A $C 9c400050 9 $PUSH "$MIXED" good ac101234)" >some.pcap
	verdict 1 some.pcap
	[ "$headline" = "3 damaged packets in 1 flow" ]
	# Small flows between the same addresses prove it together.
	local port len packets=()
	for port in 0401 0402 0403 0404; do
		len=$(printf '%04x' $((8 + 4 + ${#MIXED} / 2)))
		packets+=("$(ipv4 17 $A $C "$(transport 17 ac101234 $C "${port}0035$len" "$port$MIXED$port")")")
	done
	capture "${packets[@]}" >pair.pcap
	verdict 1 pair.pcap
	[[ $headline == "4 packets in 4 flows rewritten after the sum was made"* ]]
}

@test "pcap: unfinished sums whose address changed afterwards are rewritten, not damaged" {
	local at packets=() payload=$MIXED
	for at in 1 2 3 4; do
		packets+=("$(segment $A $C 9c400050 $((at * 999)) $PUSH "$payload" unfinished ac101234)")
		payload+=5a0$at
	done
	capture "${packets[@]}" >nat.pcap
	verdict 1 nat.pcap
	[[ $headline == "4 packets in 1 flow rewritten after the sum was made: addresses changed by "*" in sum while the sums were unfinished" ]]
	[[ $output == *"ethtool -K DEVICE tx off"* ]]
	# The same packet, damaged here and there, has the same sum in it each time, too.
	packets=()
	for at in 41 45 50 52 57 61; do
		packets+=("$(flip "$(segment $A $C 9c400050 7 $PUSH "$MIXED")" $at $((at % 2 ? 5 : 0x22)))")
	done
	capture "${packets[@]}" >again.pcap
	verdict 1 again.pcap
	[[ $headline == "6 damaged packets in 1 flow"* ]]
}

@test "pcap: the fault of 2015 stays damage: a stuck line over constant payload, on IPv6 over addresses" {
	local at payload='' packets=() packet i
	# Three bytes of each packet are hit: the amount is no power of two, but always the same.
	for at in {1..56}; do payload+=61; done
	stuck() { # PACKET OFFSET...: the bit 0x20 of these bytes is always 0
		packet=$1
		shift
		for i; do packet=$(flip "$packet" "$i" $((16#${packet:i * 2:2} & 0x20))); done
		echo "$packet"
	}
	for at in 1 2 3 4; do
		packets+=("$(stuck "$(segment $A $C 9c400050 $((at * 56)) $PUSH "$payload")" 47 63 79)")
	done
	capture "${packets[@]}" >line.pcap
	verdict 1 line.pcap
	[ "$headline" = "4 damaged packets in 1 flow, or rewritten" ]
	# Packets without payload are right: then it is certain.
	capture "${packets[@]}" "$(segment $A $C 9c400050 1 $SYN "")" "$(segment $A $C 9c400050 2 $ACK "")" >line.pcap
	verdict 1 line.pcap
	[ "$headline" = "4 damaged packets in 1 flow" ]
	# On IPv6 the addresses cover every line: all packets differ by one bit.
	packets=()
	for at in 1 2 3 4; do
		packets+=("$(flip "$(segment $A6 $B6 9c400050 $((at * 991)) $PUSH "$MIXED$at$at")" 8 0x20)"
			"$(flip "$(segment $A6 $B6 9c400050 $((at * 1237)) $ACK "")" 8 0x20)"
			"$(flip "$(segment $B6 $A6 00509c40 $((at * 777)) $ACK "")" 8 0x20)")
	done
	capture "${packets[@]}" >six.pcap
	verdict 1 six.pcap
	[[ $headline == "12 damaged packets in "* ]]
	[[ $headline != *"rewritten after"* ]]
}

@test "pcap: a change by one bit is rewritten only if the other direction or the packet before shows it" {
	local at packets=() other=()
	# The port changed from 0x0050 to 0x0060: 2^4.
	for at in 1 2 3 4; do
		packets+=("$(segment $A $C 9c400060 $((at * 991)) $PUSH "$MIXED$at$at" good $A $C 9c400050)")
	done
	capture "${packets[@]}" >bit.pcap
	verdict 1 bit.pcap
	[ "$headline" = "4 damaged packets in 1 flow, or rewritten" ]
	# The opposite direction has the matching change.
	for at in 1 2 3 4; do
		other+=("$(segment $C $A 00609c40 $((at * 993)) $PUSH "$at$at$MIXED" good $C $A 00709c40)")
	done
	capture "${packets[@]}" "${other[@]}" >both.pcap
	verdict 1 both.pcap
	[[ $headline == "8 packets in 2 flows rewritten after the sum was made: header fields changed by "* ]]
	# The packet before the change says what it was.
	capture "$(segment $A $C 9c400050 991 $PUSH "${MIXED}11")" "${packets[@]}" >before.pcap
	verdict 1 before.pcap
	[ "$headline" = "4 packets in 1 flow rewritten after the sum was made: the destination port was changed from 80 to 96" ]
	# Two flows with different addresses and the same bit: that is a fault.
	for at in 1 2 3 4; do
		packets+=("$(segment $B $C 9c400060 $((at * 991)) $PUSH "$MIXED$at$at" good $B $C 9c400050)")
	done
	capture "${packets[@]}" "${other[@]}" >two.pcap
	verdict 1 two.pcap
	[[ $headline == "12 damaged packets in 3 flows, or rewritten" ]]
}

@test "pcap: the IPv4 header's own sum, and the MSS of SYN packets" {
	local at packets=() packet
	for at in 1 2 3 4; do
		packet=$(segment $A $C 9c400050 $((at * 991)) $PUSH "$MIXED")
		packets+=("${packet:0:24}ac101234${packet:32}")
	done
	capture "${packets[@]}" >header.pcap
	verdict 1 header.pcap
	[[ $headline == "4 packets in 1 flow rewritten after the sum was made: "* ]]
	pcap --json header.pcap
	jq -e '.layers.ipv4.bad == 4 and .layers.tcp.bad == 4 and .damaged_packets == 0 and .rewritten_packets == 4' <<<"$output"
	# The MSS, from 1460 to 1360, in the SYN of each of four connections; the rest is right.
	packets=()
	for at in 1 2 3 4; do
		packet=$(transport 6 $A $C "9c4${at}0050$(printf '%08x' $((at * 7919)))0000000060027210" 0000020405b4 good)
		packets+=("$(ipv4 6 $A $C "${packet/020405b4/02040550}" $at)"
			"$(segment $A $C 9c4${at}0050 $((at * 7919 + 1)) $ACK "")")
	done
	capture "${packets[@]}" >mss.pcap
	verdict 1 mss.pcap
	[ "$headline" = "4 packets in 4 flows rewritten after the sum was made: the MSS in SYN packets was changed from 1460 to 1360" ]
}

@test "pcap: unfinished requests that are never answered: a hint, and with --at receiver a finding" {
	local syn
	syn=$(segment $A $C 9c400050 1 $SYN "" unfinished)
	capture "$syn" "$syn" "$syn" >dead.pcap
	verdict 0 dead.pcap
	[ "$headline" = "nothing damaged: 3 checksums are right; 3 unfinished sums, as captures at a sender show them; 3 were never answered; if this was captured at the receiver, look again with --at receiver" ]
	[[ $output == *"XDP redirect"*"ethtool -K DEVICE tx off"* ]]
	verdict 1 --at receiver dead.pcap
	[ "$headline" = "3 packets with unfinished sums in 1 flow: a receiver dropped these, none was answered" ]
	pcap --json --at receiver dead.pcap
	jq -e '.unfinished_packets == 3 and .unfinished_unanswered == 3 and .unfinished_dropped == 3 and
		.diagnosis[0].class == "unfinished"' <<<"$output"
	pcap --json dead.pcap
	jq -e '.unfinished_unanswered == 3 and .unfinished_dropped == 0' <<<"$output"
	# Requests over UDP: DNS, asked again; an answer, or that the port is closed, settles it.
	local query=1234010000010000000000000161000001
	capture "$(datagram $A $C 9c400035 ${query}00 unfinished)" "$(datagram $A $C 9c400035 ${query}00 unfinished)" >dns.pcap
	verdict 0 dns.pcap
	[[ $headline == *"; 2 were never answered; "* ]]
	verdict 1 --at receiver dns.pcap
	capture "$(datagram $A $C 9c400035 ${query}00 unfinished)" "$(datagram $A $C 9c400035 ${query}00 unfinished)" \
		"$(datagram $C $A 00359c40 ${query}00)" >dns.pcap
	verdict 0 --at receiver dns.pcap
	[[ $headline != *"never"* ]]
	# A DHCP server's offers, which the client does not take.
	local offer='' i
	for i in {1..225}; do offer+=00; done
	offer=020106003903f326$offer
	capture "$(datagram $A ffffffff 00430044 "${offer}63825363350102ff" unfinished)" \
		"$(datagram $A ffffffff 00430044 "${offer}63825363350102ff" unfinished)" >dhcp.pcap
	verdict 1 --at receiver dhcp.pcap
	[[ $output == *"--checksum-fill"* ]]
}

@test "pcap --at receiver: what was answered, merged, sent here or finished by the same sender is no finding" {
	local syn answered at
	syn=$(segment $A $C 9c400050 1 $SYN "" unfinished)
	# A firewall drops one port; another connection of the sender is answered.
	answered=$(segment $C $A 00519c41 7 12 "")
	capture "$syn" "$syn" "$(segment $A $C 9c410051 1 $SYN "" unfinished)" \
		"${answered:0:56}00000002${answered:64}" >firewall.pcap
	verdict 1 --at receiver firewall.pcap # the answer's sum is wrong: it does not count
	answered=$(ipv4 6 $C $A "$(transport 6 $C $A 00519c41000000070000000250127210 0000)")
	capture "$syn" "$syn" "$(segment $A $C 9c410051 1 $SYN "" unfinished)" "$answered" >firewall.pcap
	verdict 0 --at receiver firewall.pcap
	verdict 0 firewall.pcap
	[[ $headline != *never* ]]
	# The same sender finishes others.
	capture "$syn" "$syn" "$(datagram $A $C 9c401f7d "$MIXED")" >finished.pcap
	verdict 0 --at receiver finished.pcap
	# A packet that is longer than a segment.
	local long=''
	for at in {1..50}; do long+=$MIXED; done
	capture "$syn" "$syn" "$(segment $A $C 9c420050 1 $PUSH "$long" unfinished)" >merged.pcap
	verdict 0 --at receiver merged.pcap
	# One way: statsd, and mDNS.
	capture "$(datagram $A $C 9c401fbd 6161 unfinished)" "$(datagram $A $C 9c401fbd 6161 unfinished)" \
		"$(datagram $A e00000fb 14e914e9 6161 unfinished)" "$(datagram $A e00000fb 14e914e9 6161 unfinished)" >oneway.pcap
	verdict 0 --at receiver oneway.pcap
	verdict 0 oneway.pcap
	[[ $headline != *never* ]]
	# Linux says that it sent them: outgoing, in a cooked capture.
	{ pcap_head 113; for at in 1 2 3; do record $at "00040001000600000000000000000800$syn"; done; } >sent.pcap
	verdict 0 --at receiver sent.pcap
	[[ $headline != *never* ]]
	{ pcap_head 113; for at in 1 2 3; do record $at "00000001000600000000000000000800$syn"; done; } >got.pcap
	verdict 1 --at receiver got.pcap
	# A peer that repeats its SYN did not take the answer. A scanner sends it once.
	answered=$(ipv4 6 $A $C "$(transport 6 $A $C 00509c41000000070000000250127210 0000 unfinished)")
	capture "$(segment $C $A 9c410050 1 $SYN "")" "$answered" "$answered" "$answered" >scan.pcap
	verdict 0 --at receiver scan.pcap
	capture "$(segment $C $A 9c410050 1 $SYN "")" "$answered" "$(segment $C $A 9c410050 1 $SYN "")" "$answered" >again.pcap
	verdict 1 --at receiver again.pcap
}

@test "pcap --packets of a live capture: each line when its packet was read; classes follow in the summary" {
	local at packets=()
	for at in 1 2 3 4; do
		packets+=("$(segment $A $C 9c400050 $((at * 991)) $PUSH "$MIXED$at$at" good ac101234)")
	done
	capture "${packets[@]}" >live.pcap
	mkfifo pipe
	"$TRUESUM" pcap --packets=all - <pipe >out 2>err 3>&- &
	local pid=$! size
	exec 4>pipe
	size=$(stat -c %s live.pcap)
	head -c $((24 + (size - 24) / 2)) live.pcap >&4
	for _ in {1..100}; do
		[ "$(wc -l <out)" = 2 ] && break
		sleep 0.05
	done
	[ "$(wc -l <out)" = 2 ]
	tail -c +$((25 + (size - 24) / 2)) live.pcap >&4
	exec 4>&-
	status=0
	wait $pid || status=$?
	[ "$status" = 1 ]
	cat out err
	[ "$(grep -c '  bad tcp .*  unknown$' out)" = 4 ]
	grep -q "^4 packets in 1 flow rewritten after the sum was made" err
}

@test "pcap: the headline and the findings in JSON are those of the text" {
	capture "$(segment $A $C 9c400050 1 $SYN "" unfinished)" "$(udp6 6162 none)" >some.pcap
	pcap some.pcap
	local first=${lines[0]}
	pcap --json some.pcap
	[ "$(jq -r .headline <<<"$output")" = "$first" ]
	jq -e '.not_opened_packets == 0 and [.diagnosis[].class] == ["illegal-none", "unfinished"] and
		(.diagnosis | all(.sentence | length > 10))' <<<"$output"
	{ "$TRUESUM" pcap --json --at receiver some.pcap || [ $? = 1 ]; } | "$TOP/tools/json-keys" check "$TOP/src/cmd/pcap/pcap.keys"
	pcap --at sender some.pcap
	[ "$status" = 2 ]
	pcap --at receiver --diff some.pcap some.pcap
	[ "$status" = 2 ]
}

@test "pcap --diff: an address rewritten without updating the sum is said to be that" {
	local at before=() after=()
	for at in 1 2 3 4; do
		before+=("$(segment ac101234 $C 9c400050 $((at * 991)) $PUSH "$MIXED$at$at")")
		after+=("$(segment $A $C 9c400050 $((at * 991)) $PUSH "$MIXED$at$at" good ac101234)")
	done
	capture "${before[@]}" >before.pcap
	capture "${after[@]}" >after.pcap
	verdict 1 before.pcap --diff after.pcap
	[ "$headline" = "4 of 4 packets changed on the way: address rewritten, sum not updated" ]
	pcap --json before.pcap --diff after.pcap
	jq -e '.changed == 4 and .changed_rewritten == 4 and .damage.bits == 0' <<<"$output"
}
