# SPDX-License-Identifier: GPL-2.0-or-later
# Makes an object of one case of the original experiment, from the files that guest/original writes.
# Times are seconds since the guest's boot; "held" are the lines sent while the wire damaged
# everything.

def rows: split("\n") | map(select(. != ""));

("a" * 57) as $letters
| ($window | rows | map(tonumber)) as [$from, $to]
| ($errors | rows[0] | split(" ") | map(tonumber)) as [$host, $container]
| [$sent | rows[] | split(" ") | {at: (.[0] | tonumber), number: (.[1] | tonumber)}] as $sent
| [$received | rows[] | index(" ") as $i | {at: (.[:$i] | tonumber), text: .[$i + 1:]}] as $received
| [$sent[].number | "\($letters) \(.)"] as $lines
| [$sent[] | select(.at > $from and .at < $to - 0.2) | "\($letters) \(.number)"] as $held
| [$received[] | select(.text as $text | $held | index($text)) | .at] as $arrivals
| ($path | split("/original-")) as [$kernel, $case]
| [$received[] | .text as $text | select($lines | index($text) | not)] as $damaged
| {
	kernel: $kernel, case: $case, damage_began: $from, damage_ended: $to,
	sent: ($sent | length), sent_meanwhile: ($held | length),
	damaged_lines: ($damaged | length),
	arrived_meanwhile: ([$received[] | select(.at > $from + 0.5 and .at < $to - 0.2)] | length),
	intact: ([$received[] | select(.text as $text | $lines | index($text))] | length),
	seconds_after: (if ($arrivals | length) > 0 then ($arrivals | min) - $to else null end),
	seconds_to_all: (if ($arrivals | length) > 0 then ($arrivals | max) - ($arrivals | min) else null end),
	csum_errors: {host: $host, container: $container},
	lines: [$received[] | .text as $text | . + {damaged: (($lines | index($text)) == null)}]
}
# An unfixed kernel delivers damaged lines to a container. In all other cases no line arrives until
# the damage ends, and then all do.
| .as_described = if .kernel == "unfixed" and .case == "container" then .damaged_lines > 0
	else .damaged_lines == 0 and .intact == .sent and .seconds_after > -0.2 and .sent_meanwhile > 0 and
		.csum_errors.host + .csum_errors.container > 0 end
