# SPDX-License-Identifier: GPL-2.0-or-later
# Compares verdicts layer by layer:
#   awk -f oracle.awk RULES LAYERS TOOL=tshark TSHARK
#   awk -f oracle.awk RULES LAYERS TOOL=tcpdump TCPDUMP
# RULES explain known differences (tests/data/disagreements.tsv). LAYERS is the output of
# tests/tools/layers, TSHARK the fields that tests/tools/oracle gets from tshark, TCPDUMP the output
# of tcpdump -vv -n -#. Prints a table. If no rule explains a difference, prints the packet, and the
# exit code is 1.

BEGIN {
	FS = "\t"
	kinds = split("ipv4 tcp udp icmp icmp6 igmp sctp gre", kind, " ")
	split("bad good unverified none illegal-none", tshark_says, " ") # status 0 .. 4
	file = 0
}

FNR == 1 { file++ }

# ---- Rules -----------------------------------------------------------------------------------
file == 1 {
	if ($0 ~ /^(#|$)/)
		next
	rules++
	for (i = 1; i <= 5; i++)
		pattern[rules, i] = "^(" $i ")$"
	right[rules] = $6
	why[rules] = $7
	next
}

# ---- Verdicts of truesum ---------------------------------------------------------------------
file == 2 {
	if ($1 == "#") {
		before[$3] = $2
		next
	}
	link_known[$1] = $2 != "-"
	layers[$1] = $3
	walk[$1] = $2 ":" $4
	frames = $1
	next
}

# Sets ours[] to the verdicts of a packet's layers of one kind, each with its reason if it has one.
function unpack(frame, k,    n, i, part, side) {
	delete ours
	ours_n = 0
	n = split(layers[frame], part, ",")
	for (i = 1; i <= n; i++) {
		split(part[i], side, "=")
		if (side[1] == "udplite")
			side[1] = "udp" # tshark uses the same fields for UDP and UDP-Lite
		if (side[1] == k) {
			sub(/:$/, "", side[2])
			ours[++ours_n] = side[2]
		}
	}
}

# One's complement has two zeros; both are good.
function agree(a, b) {
	sub(/:ffff$/, "", a)
	return a == b
}

function judge(tool, frame, k, a, b, about,    key, r) {
	compared[tool]++
	if (agree(a, b)) {
		agreed[tool, k, a]++
		return
	}
	key = tool SUBSEP k SUBSEP a SUBSEP b SUBSEP about
	for (r = 1; r <= rules; r++)
		if (tool ~ pattern[r, 1] && k ~ pattern[r, 2] && a ~ pattern[r, 3] && b ~ pattern[r, 4] && about ~ pattern[r, 5]) {
			explained[r]++
			return
		}
	unexplained++
	if (unexplained <= 40)
		printf "unexplained: frame %d %s: truesum %s, %s %s   (%s) [%s]\n", frame, k, a, tool, b, layers[frame], substr(about, 1, 300)
}

# ---- tshark ----------------------------------------------------------------------------------
TOOL == "tshark" {
	if (!link_known[$1])
		next
	about = walk[$1] " " $2
	for (j = 1; j <= kinds; j++) {
		unpack($1, kind[j])
		n = split($(2 + j), status, ",")
		for (i = 1; i <= n || i <= ours_n; i++)
			judge("tshark", $1, kind[j], i <= ours_n ? ours[i] : "absent", i <= n ? tshark_says[status[i] + 1] : "absent", about)
	}
	next
}

# ---- tcpdump: a packet's text begins with its number; a line "#, name" precedes each file -----
TOOL == "tcpdump" && $1 == "#" {
	finish_tcpdump()
	now = 0
	offset = before[$2]
	next
}
TOOL == "tcpdump" && /^ *[0-9]+  / {
	finish_tcpdump()
	split($0, word, " ")
	now = word[1] + offset
	text = ""
}
TOOL == "tcpdump" { text = text " " $0 }

# Sets their[] to the verdicts, in order, of the pattern's matches in the text; returns their
# number.
function words(pattern_of, k,    rest, n, said, i) {
	rest = text
	n = 0
	while (match(rest, pattern_of)) {
		said = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		their[++n] = said ~ /incorrect|bad [a-z0-9]*cksum|bad [a-z0-9]+ cksum|wrong/ ? "bad" : said ~ /no cksum/ ? "none" : "good"
	}
	unpack(now, k)
	return n
}

# For layers that tcpdump always mentions: if it does not mention one, it did not check it.
function both(pattern_of, k,    n, i) {
	n = words(pattern_of, k)
	for (i = 1; i <= n || i <= ours_n; i++)
		judge("tcpdump", now, k, i <= ours_n ? ours[i] : "absent", i <= n ? their[i] : "silent", walk[now] " " text)
}

# For layers that tcpdump mentions only if the sum is wrong.
function only_bad(pattern_of, k,    n, i, wrong, first) {
	n = words(pattern_of, k)
	wrong = 0
	first = "no more"
	for (i = 1; i <= ours_n; i++)
		if (ours[i] ~ /^(bad|unfinished)/) {
			wrong++
			if (wrong > n)
				first = ours[i]
		}
	if (n == wrong)
		agreed["tcpdump", k, n ? "bad" : "good"]++
	else
		judge("tcpdump", now, k, first, n > wrong ? "bad" : "silent", walk[now] " " text)
}

function finish_tcpdump() {
	if (!now || !link_known[now])
		return
	both("Flags \\[[^]]*\\], cksum 0x[0-9a-f]+ \\((correct|incorrect)", "tcp")
	both("\\[udp sum ok\\]|\\[bad udp cksum|\\[no cksum\\]|\\[no udp cksum\\]|\\[udp csum|\\[wrong udp", "udp")
	both("\\[icmp6 sum ok\\]|\\[bad icmp6 cksum", "icmp6")
	only_bad("bad cksum [0-9a-f]+ \\(->", "ipv4")
	only_bad("wrong icmp cksum", "icmp")
	only_bad("bad igmp cksum", "igmp")
}

END {
	if (TOOL == "tcpdump")
		finish_tcpdump()
	for (t in compared)
		printf "%s: %d sums compared in %d packets\n", t, compared[t], frames
	for (r = 1; r <= rules; r++)
		if (explained[r])
			printf "  %6d  explained, %s right: %s\n", explained[r], right[r], why[r]
	printf "  %6d  unexplained\n", unexplained
	exit unexplained > 0
}
