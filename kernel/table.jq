# SPDX-License-Identifier: GPL-2.0-or-later
# Prints compare.jq's object as text.

def pad($width): . + (" " * ([$width - length, 0] | max));
def line($widths): [., $widths] | transpose | map(.[1] as $width | .[0] | pad($width)) | join("  ") | sub(" +$"; "");
def table: (transpose | map(map(length) | max)) as $widths | .[] | line($widths);
def answer: if .none == .rx_off then .none else "\(.none) / \(.rx_off)" end;
def agreement: {agree: "yes", differ: "NO", "not-here": "not here", unknown: "unknown"}[.];
def answers: [(.emulated, .unfixed, .host, .fixed | answer), (.result | agreement)];
def seconds: . * 100 | round / 100 | tostring;

# The rows of one topology: a single row for both families if they are the same.
def rows: group_by([.topology]) | map(group_by(answers)[] | .[0] as $first
	| [$first.topology + (if length == 1 then " v\($first.family)" else "" end)] + ($first | answers)) | .[];

def section($all; $title): . as $rows
	| "", $title, "",
	([["", "emulated", "real unfixed", "this kernel", "real fixed", "agree"]]
		+ [($all | map(.topology) | reduce .[] as $name ([]; if index($name) then . else . + [$name] end))[] as $name
			| $rows | map(select(.topology == $name)) | select(length > 0) | rows] | table);

def titles: {"tcp plain": "TCP; the NIC verifies nothing", "tcp honest": "TCP; the NIC vouches for undamaged packets",
	"tcp lying": "TCP; the NIC vouches for all", "tcp partial": "TCP; sums handed over unfinished",
	"udp plain": "UDP", "udp-nocheck plain": "UDP without checksum"};

. as $report
| "Linux \(.guest_kernel) with and without veth's statement of before 4.4, against its emulation on \(.host_kernel).",
"Each answer: without / with rx-off in the container; one word where that changes nothing.",
(.rows | group_by([.proto, .nic]) | map({key: "\(.[0].proto) \(.[0].nic)", value: .}) | from_entries) as $groups
| (titles | to_entries[] | select($groups[.key]) | .value as $title | $groups[.key] as $rows
	| if $verbose or .key == "tcp plain" or ($rows | map(select(.result == "differ" or .result == "unknown")) | length) > 0
		then $rows | section($report.rows; $title) else empty end),
"",
(titles | to_entries[] | select($groups[.key]) | .value as $title | $groups[.key]
	| "\($title | pad(46)) \(map(select(.result == "agree")) | length) of \(length) agree"
	+ (map(select(.result == "not-here")) | if length == 0 then "" else
		", \(length) not here: " + (map(.reason) | unique | join("; ")) end)),
"",
"DELIVERED  the application read damaged data; otherwise who caught the damage",
"rx-off in the container cured the unfixed kernel on \(.counts.cured) ways in, and changed nothing on the fixed one.",
"",
"rx off on the host's end of the veth instead (routed)",
"",
([["", "emulated", "real unfixed", "real fixed", "agree"]]
	+ (.host_end | map(["v\(.family)", .emulated, .unfixed, .fixed, (.result | agreement)])) | table),
"",
"truesum guard apply, of a container that is routed to",
"",
([["", "before", "put on", "after", "rx offload there", "as it should"]]
	+ (.guard | map([.kernel, .before // "", (.mitigations // [] | join(", ") | if . == "" then "nothing" else . end), .after // "",
		(.rx // {} | "\(.before), \(.protected), \(.after)"), (.result | agreement)])) | table),
"",
"The original experiment: a line a second to nc, everything damaged for ten seconds",
"",
([["", "sent meanwhile", "read meanwhile", "read damaged", "the rest came", "checksum errors", "as described"]]
	+ (.original | sort_by(.kernel) | reverse | map(["\(.kernel), \(.case)", (.sent_meanwhile | tostring),
		(.arrived_meanwhile | tostring), (.damaged_lines | tostring),
		(if .seconds_after == null or .arrived_meanwhile > 0 then "" else "\(.seconds_after | seconds) s later, all within \(.seconds_to_all | seconds) s" end),
		"host \(.csum_errors.host), container \(.csum_errors.container)", (if .as_described then "yes" else "NO" end)])) | table),
"",
"What nc in the container read on the unfixed kernel",
(.original[] | select(.kernel == "unfixed" and .case == "container") | .damage_began as $began | .lines[]
	| "  \((.at - $began) | seconds | pad(7)) \(.text)\(if .damaged then "   <- damaged" else "" end)"),
"",
"\(.counts.agree) ways in agree, \(.counts.differ) differ, \(.counts.unknown) unknown, \(.counts["not-here"]) not here. "
+ "\(.seconds.all) s, of which \(.seconds.prepare) s fetching and building. Captures: \(.captures)"
