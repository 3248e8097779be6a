# SPDX-License-Identifier: GPL-2.0-or-later
# Makes the comparison, one object. Inputs: $host, $unfixed, $fixed: the lab's objects; $original:
# those of original.jq; $host_end: the lab's with rx off on the host's end; $guard: what guard did
# on the unfixed and the fixed kernel. Output:
#
#   rows[]      a way in: topology, family, proto, nic; what happened on it without and with rx-off in
#               the container {none, rx_off}: emulated (host, veth-2016), unfixed, host (native),
#               fixed; result: agree, differ, not-here (one of the kernels lacks it), unknown
#   host_end[]  routed, rx off on the host's end of the veth: it must change nothing
#   guard[]     a routed container: the verdict before, what guard put on, the verdict after, and the
#               container's rx offload at each step. guard must choose rx-off on the unfixed kernel,
#               and nothing on the fixed one
#   original[]  see original.jq
#   exit_code   0: all agree, 1: something differs, 3: something is unknown

# "DELIVERED", or who caught the damage, or why there is no answer.
def word:
	if . == null then "unknown" elif .skipped then "not here" elif .verdict == "delivers-corrupt" then "DELIVERED"
	elif .verdict == "verified" then .caught_by else .verdict end;

def key: [.topology, .family, .proto, .nic] | join(" ");

# Cells that the second run judged replace those of the first, too busy run.
def by_key($runs; $behaviour):
	reduce ($runs[].cells[] | select(.behaviour == $behaviour)) as $cell ({};
		($cell | key) as $key
		| if .[$key][$cell.mitigation] == null or .[$key][$cell.mitigation].verdict == "unknown"
			then .[$key][$cell.mitigation] = $cell else . end);

def pair: {none: (.none | word), rx_off: (.["rx-off"] | word)};

def has($what): [.emulated, .unfixed, .host, .fixed | .none, .rx_off] | any(. == $what);

def judge:
	if has("not here") then "not-here" elif has("unknown") then "unknown"
	elif .emulated == .unfixed and .host == .fixed and .fixed.none == .fixed.rx_off then "agree" else "differ" end;

by_key($host; "veth-2016") as $emulated | by_key($host; "native") as $native
| by_key($unfixed; "native") as $u | by_key($fixed; "native") as $f
| [$f | to_entries[] | .key as $key | .value.none
	| {topology, family, proto, nic, emulated: ($emulated[$key] | pair), unfixed: ($u[$key] | pair),
		host: ($native[$key] | pair), fixed: ($f[$key] | pair)}
	| .result = judge
	| .reason = ([$emulated[$key], $u[$key], $native[$key], $f[$key] | .[]?.reason | select(. != null and . != "")]
		| unique | join("; "))] as $rows
| [$host_end[] | .kernel as $kernel | .cells[] | {kernel: $kernel, behaviour, family, result: word}] as $ends
| [range(4; 7; 2) as $family | ($ends | map(select(.family == $family) | .result)) as [$a, $b, $c]
	| {family: $family, emulated: $a, unfixed: $b, fixed: $c}
	| .result = if [.emulated, .unfixed] == ["DELIVERED", "DELIVERED"] and .fixed == "container" then "agree"
		elif [.[]] | any(. == "unknown" or . == "not here") then "unknown" else "differ" end] as $host_ends
| [$guard[] | .apply.targets[0] as $target
	| {before: $target.before, mitigations: $target.mitigations, after: $target.after, rx, code,
		probes: .apply.probes, seconds: .apply.seconds}]
	| [{kernel: "unfixed", want: ["delivers-corrupt", ["rx-off"], "verified", "off"]},
		{kernel: "fixed", want: ["verified", [], "verified", "on"]}] as $wanted
	| [., $wanted] | transpose | map(.[0] as $did | .[1] as $how | $did + {kernel: $how.kernel,
		result: (if $did == null or $did.before == "unknown" or $did.before == "blocked" then "unknown"
			elif [$did.before, $did.mitigations, $did.after, $did.rx.protected] == $how.want and $did.code == 0
				and $did.rx.before == "on" and $did.rx.after == "on" then "agree" else "differ" end)}) as $guards
| {
	command: "kernel-lab", host_kernel: $host[0].kernel, guest_kernel: $fixed[0].kernel,
	seconds: {prepare: $prepare, all: $all}, captures: $captures,
	counts: (reduce $rows[].result as $result ({agree: 0, differ: 0, "not-here": 0, unknown: 0}; .[$result] += 1)),
	rows: $rows, host_end: $host_ends, guard: $guards, original: $original
}
| .counts.cured = ([$rows[] | select(.unfixed.none == "DELIVERED" and .fixed.none != "DELIVERED"
	and .unfixed.rx_off == .fixed.none)] | length)
| .all_agree = (.counts.differ == 0 and .counts.unknown == 0 and .counts.agree > 0
	and ([.host_end[].result, .guard[].result] | all(. == "agree")) and ([.original[].as_described] | all) and (.original | length) == 6)
| .exit_code = if .all_agree then 0
	elif .counts.differ > 0 or ([.host_end[].result, .guard[].result] | any(. == "differ")) or ([.original[].as_described] | all | not)
	then 1 else 3 end
