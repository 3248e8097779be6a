# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Captures made by hand: packets are strings of hexadecimal digits. The checksums are computed here,
# by the plain loop of RFC 1071, not by the code under test.

# Prints the one's complement sum of a hexadecimal string's 16-bit words.
csum() {
	local hex=$1 sum=0 i
	((${#hex} % 4)) && hex+=00
	for ((i = 0; i < ${#hex}; i += 4)); do
		((sum += 16#${hex:i:4}))
	done
	while ((sum >> 16)); do
		((sum = (sum & 0xffff) + (sum >> 16)))
	done
	echo "$sum"
}

# ipv4 PROTO SRC DST BODY [ID [FRAGMENT]]: addresses as 8 digits; FRAGMENT is the word with the
# flags and the offset
ipv4() {
	local head
	head=$(printf '4500%04x%04x%04x40%02x' $((20 + ${#4} / 2)) "${5:-1}" "${6:-0x4000}" "$1")
	printf '%s%04x%s%s%s' "$head" $((0xffff ^ $(csum "$head$2$3"))) "$2" "$3" "$4"
}

# transport PROTO SRC DST BEFORE AFTER [KIND]: BEFORE and AFTER are the bytes around the checksum
# field. KIND: good; unfinished (the field is the pseudo-header's sum); none (0).
transport() {
	local pseudo field
	pseudo=$(printf '%s%s00%02x%04x' "$2" "$3" "$1" $(((${#4} + ${#5}) / 2 + 2)))
	case ${6:-good} in
	good) field=$((0xffff ^ $(csum "$pseudo${4}0000$5"))) ;;
	unfinished) field=$(csum "$pseudo") ;;
	none) field=0 ;;
	esac
	printf '%s%04x%s' "$4" "$field" "$5"
}

# tcp SEQ PAYLOAD [KIND [ID]]: from 10.0.0.1 port 40000 to 10.0.0.2 port 5555
tcp() {
	ipv4 6 0a000001 0a000002 "$(transport 6 0a000001 0a000002 \
		"$(printf '9c4015b3%08x00000000501000ff' "$1")" "0000$2" "${3:-good}")" "${4:-$1}"
}

# udp PAYLOAD [KIND [ID [PORT]]]: from 10.0.0.1 port 1000 to 10.0.0.2 port 2000
udp() {
	ipv4 17 0a000001 0a000002 "$(transport 17 0a000001 0a000002 \
		"$(printf '03e8%04x%04x' "${4:-2000}" $((8 + ${#1} / 2)))" "$1" "${2:-good}")" "${3:-1}"
}

# The same over IPv6, from fd00::1 to fd00::2: udp6 PAYLOAD [KIND [PORT]], tcp6 SEQ PAYLOAD [KIND]
SRC6=fd000000000000000000000000000001 DST6=fd000000000000000000000000000002
udp6() {
	printf '60000000%04x1140%s%s%s' $((8 + ${#1} / 2)) $SRC6 $DST6 "$(transport 17 $SRC6 $DST6 \
		"$(printf '03e8%04x%04x' "${3:-2000}" $((8 + ${#1} / 2)))" "$1" "${2:-good}")"
}
tcp6() {
	printf '60000000%04x0640%s%s%s' $((20 + ${#2} / 2)) $SRC6 $DST6 "$(transport 6 $SRC6 $DST6 \
		"$(printf '9c4015b3%08x00000000501000ff' "$1")" "0000$2" "${3:-good}")"
}

# flip PACKET OFFSET MASK: flips the bits of MASK in one byte
flip() {
	printf '%s%02x%s' "${1:0:$2 * 2}" $((16#${1:$2 * 2:2} ^ $3)) "${1:$2 * 2 + 2}"
}

raw() {
	# shellcheck disable=SC2059,SC2001 # printf expands the escapes; bash alone would be slow
	printf "$(sed 's/../\\x&/g' <<<"$1")"
}

le32() {
	printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255))
}

# pcap_head LINK: a file header; link type 101 is IP
pcap_head() {
	raw "d4c3b2a1020004000000000000000000ffff0000$(le32 "$1")"
}

# record SECONDS PACKET [KEPT]: a record of a pcap file, with the first KEPT bytes of the packet
record() {
	local len=$((${#2} / 2))
	raw "$(le32 $((1700000000 + $1)))$(le32 123456)$(le32 "${3:-$len}")$(le32 $len)${2:0:${3:-$len} * 2}"
}

# capture PACKET...: a capture with a packet each second
capture() {
	local n=0 packet
	pcap_head 101
	for packet; do
		record $((n++)) "$packet"
	done
}
