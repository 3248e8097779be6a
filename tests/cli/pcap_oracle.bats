#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Compares `truesum pcap` with the truth about generated packets, which their generator writes, and
# with tshark and tcpdump on captures of all kinds. The programs come from tests/tools.

TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TOOLS=${TOOLS:-${TRUESUM%/*}/tools}
HERE=$BATS_TEST_DIRNAME/..
WORK=$BATS_TEST_TMPDIR

# Downloaded once and kept for the next run.
CAPTURES=$HERE/../build/captures

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
}

@test "pcap: undamaged packets are never bad, damage that a sum sees always is; --diff reports the rest" {
	need jq
	run "$HERE/mass" "$TRUESUM" "$TOOLS" 300000 100000
	echo "$output"
	[ "$status" = 0 ]
}

@test "pcap: the command's verdict on each generated packet is the right one" {
	need jq
	local format swap link seed=10
	while read -r format swap link; do
		[ "$swap" = swap ] && swap=--swap || swap=
		# shellcheck disable=SC2086 # an option, or none
		"$TOOLS/generate" --seed $((++seed)) --count 3000 --hurt 300 --format "$format" $swap \
			${link:+--link "$link"} --truth "$WORK/truth" "$WORK/made"
		run "$TRUESUM" pcap "$WORK/made" --packets=all --json
		[ "$status" = 1 ]
		# Each frame that must be bad is bad. Each undamaged frame has the worst verdict of
		# its layers.
		jq -r 'select(.frame) | [.frame, .verdict] | @tsv' <<<"$output" |
			awk -F'\t' '
				FNR == NR { is[$1] = $2; next }
				$3 == "any" { next }
				$3 == "bad" { if (is[$1] != "bad") print "missed: " $0; next }
				is[$1] == "bad" { print "false alarm: " $0; next }
				$2 != "-" || $6 ~ /truncated/ { next }
				{
					must = "none"
					split("good unfinished illegal-none unknown", rank, " ")
					for (i = 1; i <= 4; i++)
						if ($6 ~ "=" rank[i])
							must = rank[i]
					if (is[$1] != must && $6 != "")
						print "is " is[$1] ", must be " must ": " $0
				}
				END { if (FNR != 3000) print FNR " frames" }' - "$WORK/truth" >"$WORK/wrong"
		head "$WORK/wrong"
		[ ! -s "$WORK/wrong" ]
	done <<-'END'
		pcap no ethernet
		pcap-ns swap raw
		pcap swap null
		pcap no loop
		pcap-ns no sll
		pcap no sll2
		pcapng no
		pcapng swap
	END
}

@test "pcap: tshark and tcpdump on generated captures: every difference is explained" {
	need tshark tcpdump mergecap capinfos
	local link hurt swap format why seed=0 files=()
	for link in ethernet sll sll2 raw null loop; do
		for hurt in 0 600; do
			swap='' format=pcap
			((++seed % 3)) || swap=--swap
			((seed % 4)) || format=pcap-ns
			files+=("$WORK/$link-$hurt.pcap")
			# shellcheck disable=SC2086 # an option, or none
			"$TOOLS/generate" --seed "$seed" --count 2000 --link "$link" --hurt "$hurt" $swap \
				--format "$format" "${files[-1]}"
		done
	done
	run "$HERE/tools/oracle" "$TOOLS/layers" "${files[@]}"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output != *"left out"* ]]
	# These include cases in which the other tools are wrong.
	for why in CHECKSUM_PARTIAL "without the length" csum_not_inet "(LCO" "longer than any frame" "RFC 6935" \
		"RFC 8200" "RFC 8754" "RFC 2236" "does not put fragments together" "TCP header length"; do
		[[ $output == *"truesum right: "*"$why"* ]] || { echo "not met: $why"; return 1; }
	done
}

@test "pcap: tshark and tcpdump on the captures in Debian packages: every difference is explained" {
	need tshark tcpdump mergecap capinfos
	local why files
	why=$("$HERE/tools/fetch_captures" "$CAPTURES") || skip "cannot get the captures: $why"
	mapfile -t files < <(find "$CAPTURES/files" -type f | sort)
	echo "# ${#files[@]} captures${why:+; $why}" >&3
	run "$HERE/tools/oracle" "$TOOLS/layers" "${files[@]}"
	echo "$output"
	[ "$status" = 0 ]
}

@test "pcap: an unexplained difference fails the comparison" {
	need tshark tcpdump mergecap capinfos
	"$TOOLS/generate" --count 200 --hurt 0 "$WORK/made"
	# A wrapper that calls every good TCP sum bad.
	printf '#!/bin/bash\n"%s" "$@" | sed s/tcp=good/tcp=bad/\n' "$TOOLS/layers" >"$WORK/liar"
	chmod +x "$WORK/liar"
	run "$HERE/tools/oracle" "$WORK/liar" "$WORK/made"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"unexplained: "*"tcp: truesum bad, tshark good"* ]]
	[[ $output == *"unexplained: "*"tcp: truesum bad, tcpdump good"* ]]
}
