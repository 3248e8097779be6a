#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# truesum as a CNI plugin, chained after the reference plugins; the tests call it as a runtime does.
# STARTS: how many containers start while damaged packets arrive, with and without truesum
# (tests/bench.d/guard_starts: 200).

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/rain_world.bash
source "$BATS_TEST_DIRNAME/rain_world.bash"

STARTS=${STARTS:-10}
BRIDGE='"bridge": "cni0", "isGateway": true'

setup() {
	[ "$(id -u)" = 0 ] || skip "cni: needs root"
	[ -x "$PLUGINS/host-local" ] || skip "cni: no plugins (Debian: containernetworking-plugins)"
	start_world 120
	in_world own_state
}

# ours COMMAND [CONTAINER] <CONFIG: sets $output and $status; stderr goes to $WORK/said
ours() {
	status=0
	output=$(in_world plugin "$1" truesum "${2:-c1}" 2>"$WORK/said") || status=$?
}

# made TYPE KEYS|"": makes container c1 with an interface by that plugin; sets $previous to the
# plugin's result
made() {
	if world test -e /run/netns/c1; then world ip netns del c1; fi
	cni_config "$1" "$2" | in_world plugin DEL "$1" c1
	in_world space c1
	previous=$(cni_config "$1" "$2" | in_world plugin ADD "$1" c1)
}

# error CODE PATTERN: the last call answered with that error, in the form that CNI demands
error() {
	[ "$status" -ne 0 ]
	jq -e --argjson code "$1" --arg pattern "$2" '.code == $code and (.msg | test($pattern)) and
		(.cniVersion | test("^[0-9.]+$")) and (.details | type == "string")' <<<"$output" ||
		{ echo "not $1 with $2: $output"; return 1; }
}

features() { world ip netns exec c1 ethtool -k eth0 | grep rx-checksumming; }
filters() { world tc -n c1 filter show dev eth0 ingress; }
kept() { world find /run/truesum -type f; }

# protected RX-STATE yes|no: rx checksum offload has that state, and the reset is on or not
protected() {
	[[ $(features) == *"$1" ]]
	if [ "$2" = yes ]; then filters | grep -q tsum_reset; else [ -z "$(filters)" ]; fi
}

@test "VERSION: lists the supported versions, no matter which version the request has" {
	ours VERSION <<<'{"cniVersion": "1.0.0"}'
	[ "$status" = 0 ]
	jq -e '.cniVersion == "1.0.0" and (.supportedVersions | contains(["0.3.0", "0.3.1", "0.4.0", "1.0.0"]))' <<<"$output"
	ours VERSION <<<'{"cniVersion": "0.2.0"}'
	jq -e '.cniVersion == "0.2.0"' <<<"$output"
	ours VERSION </dev/null
	[ "$status" = 0 ]
	jq -e '.cniVersion == "1.1.0"' <<<"$output"
}

@test "bridge + truesum: ADD passes on the result in every version; the next plugin understands it" {
	local CNI_VERSION
	for CNI_VERSION in 0.3.0 0.3.1 0.4.0 1.0.0; do
		export CNI_VERSION
		made bridge "$BRIDGE"
		ours ADD < <(truesum_config "$previous")
		[ "$status" = 0 ]
		diff <(jq -S . <<<"$previous") <(jq -S . <<<"$output")
		protected off yes
		jq -n --argjson previous "$output" --arg version "$CNI_VERSION" '{cniVersion: $version, name: "net",
			type: "tuning", sysctl: {"net.core.somaxconn": "500"}, prevResult: $previous}' |
			in_world plugin ADD tuning c1 >"$WORK/tuned"
		diff <(jq -S . <<<"$previous") <(jq -S . "$WORK/tuned")
		ours DEL < <(truesum_config "$previous")
		[ "$status" = 0 ]
	done
	[ -z "$(kept)" ]
}

@test "ptp + truesum: a result in an older form gets the configuration's form" {
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	[ "$status" = 0 ]
	diff <(jq -S . <<<"$previous") <(jq -S . <<<"$output")
	protected off yes
	CNI_VERSION=0.4.0 truesum_config "$previous" >"$WORK/older"
	ours ADD <"$WORK/older"
	jq -e '.cniVersion == "0.4.0" and (.ips | map(.version) == ["4", "6"])' <<<"$output"
	truesum_config "$output" >"$WORK/newer"
	ours ADD <"$WORK/newer"
	diff <(jq -S . <<<"$previous") <(jq -S . <<<"$output")
}

@test "ADD without a policy puts on rx-off and reset, and says so; with a name only that; a policy decides by kind of device" {
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	grep -q "no policy yet .* new containers get rx-off and reset" "$WORK/said"
	protected off yes
	made ptp ""
	ours ADD < <(truesum_config "$previous" '"mitigation": "reset"')
	[ ! -s "$WORK/said" ]
	protected on yes
	world ip netns del c1
	policy '["rx-off"]'
	made ptp ""
	ours ADD < <(truesum_config "$previous" '"mitigation": "auto"')
	[ ! -s "$WORK/said" ]
	protected off no
	world ip netns del c1
	policy '[]'
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	protected on no
	[ "$status" = 0 ]
	ours CHECK < <(truesum_config "$previous")
	[ "$status" = 0 ]
	made ptp ""
	ours ADD < <(truesum_config "$previous" '"mitigation": ["rx-off", "reset"]')
	protected off yes
	world ip netns del c1
	world bash -c 'echo nonsense >/var/lib/truesum/policy.json'
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	[ "$status" = 0 ]
	protected off yes
	# A policy of another kernel does not count.
	world ip netns del c1
	policy '[]' 6.1
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	[ "$status" = 0 ]
	protected off yes
	grep -q "was proven on Linux 6.1" "$WORK/said"
}

# policy MITIGATIONS [KERNEL]: writes the host's policy for veth
policy() {
	# shellcheck disable=SC2016 # expands in the world
	world bash -c 'echo "$0" >/var/lib/truesum/policy.json' '{"version": 1, "kernel": "'"${2:-$(uname -r)}"'", "proven": 1, "verdict": "verified",
		"containers": [{"kind": "veth", "mitigations": '"$1"'}], "devices": [], "host": []}'
}

@test "CHECK succeeds after ADD; fails if protection was removed, and says which and what to do" {
	made bridge "$BRIDGE"
	truesum_config "$previous" >"$WORK/config"
	ours CHECK <"$WORK/config"
	error 101 "there is no record of an ADD"
	ours ADD <"$WORK/config"
	ours CHECK <"$WORK/config"
	[ "$status" = 0 ]
	[ -z "$output$(cat "$WORK/said")" ]
	world ip netns exec c1 ethtool -K eth0 rx on
	ours CHECK <"$WORK/config"
	error 100 "^eth0 is no longer protected: rx-off"
	jq -e '.details | test("guard run")' <<<"$output"
	world ip netns exec c1 ethtool -K eth0 rx off
	ours CHECK <"$WORK/config"
	[ "$status" = 0 ]
	world tc -n c1 filter del dev eth0 ingress
	ours CHECK <"$WORK/config"
	error 100 "^eth0 is no longer protected: reset"
	# Also if the whole clsact was removed.
	ours ADD <"$WORK/config"
	ours CHECK <"$WORK/config"
	[ "$status" = 0 ]
	world tc -n c1 qdisc del dev eth0 clsact
	ours CHECK <"$WORK/config"
	error 100 reset
	world ip -n c1 link del eth0
	ours CHECK <"$WORK/config"
	error 100 "eth0 is gone"
}

@test "CHECK: a policy that has changed since ADD is not an error" {
	policy '["reset"]'
	made ptp ""
	truesum_config "$previous" >"$WORK/config"
	ours ADD <"$WORK/config"
	policy '["rx-off"]'
	ours CHECK <"$WORK/config"
	[ "$status" = 0 ]
	# The policy no longer wants what ADD put on, so it may be missing.
	world tc -n c1 filter del dev eth0 ingress
	ours CHECK <"$WORK/config"
	[ "$status" = 0 ]
	policy '["reset", "rx-off"]'
	ours CHECK <"$WORK/config"
	error 100 reset
}

@test "DEL succeeds twice, without prevResult, without the namespace or its name, without a record" {
	ours DEL c9 < <(truesum_config null)
	[ "$status" = 0 ]
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	[ "$(kept | wc -l)" = 2 ]
	ours DEL < <(truesum_config null)
	[ "$status" = 0 ]
	[ -z "$output" ]
	protected on no
	ours DEL < <(truesum_config "$previous")
	[ "$status" = 0 ]
	[ -z "$(kept)" ]
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	world ip netns del c1
	ours DEL < <(truesum_config null)
	[ "$status" = 0 ]
	[ -z "$(kept)" ]
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	world ip netns del c1
	run world env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS= "$TRUESUM" < <(truesum_config null)
	[ "$status" = 0 ]
	[ -z "$(kept)" ]
	# The record is gone, but not the namespace.
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	world rm -r /run/truesum/attached
	ours DEL < <(truesum_config "$previous")
	[ "$status" = 0 ]
	[ -z "$(kept)" ]
}

@test "GC removes invalid attachments of its own network only; STATUS says whether ADD would work" {
	made ptp ""
	ours ADD < <(truesum_config "$previous")
	truesum_config null '"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]' >"$WORK/valid"
	truesum_config null '"cni.dev/valid-attachments": []' >"$WORK/none"
	ours GC <"$WORK/none"
	error 1 "has no GC"
	sed -i 's/"1.0.0"/"1.1.0"/' "$WORK/valid" "$WORK/none"
	ours GC <"$WORK/valid"
	[ "$status" = 0 ]
	[ "$(kept | wc -l)" = 2 ]
	ours GC < <(sed 's/"net"/"other"/' "$WORK/none")
	[ "$status" = 0 ]
	[ "$(kept | wc -l)" = 2 ]
	ours GC <"$WORK/none"
	[ "$status" = 0 ]
	[ -z "$(kept)" ]
	ours GC < <(sed 's/cni.dev/x/' "$WORK/none")
	error 7 valid-attachments
	ours STATUS <"$WORK/none"
	[ "$status" = 0 ]
	world mount -t tmpfs -o ro none /run/truesum/attached
	ours STATUS <"$WORK/none"
	error 50 "cannot write"
}

@test "errors have the codes of the specification, and change nothing" {
	made ptp ""
	truesum_config "$previous" >"$WORK/config"
	ours ADD < <(sed 's/"1.0.0", "name"/"0.2.0", "name"/' "$WORK/config")
	error 1 "incompatible CNI version '0.2.0'"
	ours ADD < <(jq 'del(.cniVersion)' "$WORK/config")
	error 1 incompatible
	CNI_VERSION=0.3.1 ours CHECK < <(CNI_VERSION=0.3.1 truesum_config "$previous")
	error 1 "0.3.1 has no CHECK"
	ours ADD < <(truesum_config "$previous" '"mitigation": ["rx-off", "tx-off"]')
	error 2 '"mitigation".*tx-off'
	ours ADD < <(truesum_config "$previous" '"mitigation": []')
	error 2 '"mitigation"'
	ours ADD nosuch <"$WORK/config"
	error 3 "no network namespace '/run/netns/nosuch'"
	ours CHECK nosuch <"$WORK/config"
	error 3 "no network namespace"
	ours add <"$WORK/config"
	error 4 "CNI_COMMAND"
	ours ADD ../c1 <"$WORK/config"
	error 4 "CNI_CONTAINERID"
	local missing
	for missing in CNI_CONTAINERID CNI_NETNS CNI_IFNAME; do
		run world env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 env -u $missing \
			"$TRUESUM" <"$WORK/config"
		error 4 "missing: $missing"
	done
	run world env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=a/b "$TRUESUM" <"$WORK/config"
	error 4 CNI_IFNAME
	run world env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/proc/1/ns/net CNI_IFNAME=eth0 "$TRUESUM" <"$WORK/config"
	error 4 CNI_NETNS
	run world env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/proc/1/ns/net CNI_IFNAME=eth0 "$TRUESUM" <"$WORK"
	error 5 "cannot read"
	ours ADD <<<'{"cniVersion": '
	error 6 "not a JSON object"
	ours ADD <<<'[]'
	error 6 "not a JSON object"
	ours ADD < <(truesum_config '{"interfaces": [{"name": 3}]}')
	error 6 prevResult
	ours ADD < <(truesum_config null)
	error 7 "prevResult is missing"
	ours ADD < <(sed 's/"net"/"a b"/' "$WORK/config")
	error 7 name
	ours ADD < <(sed 's/"eth0"/"eth7"/' "$WORK/config")
	error 102 eth7
	protected on no
	[ -z "$(kept)" ]
}

@test "failOpen: ADD, CHECK and STATUS succeed and warn, with nothing changed; by default and with another value they fail" {
	local open='"failOpen": true'
	made ptp ""
	ours ADD < <(truesum_config "$previous" "$open")
	[ "$status" = 0 ]
	protected off yes
	ours DEL < <(truesum_config "$previous" "$open")
	# It cannot be protected: the result is passed on, and the reason is said.
	world mkdir -p /run/truesum/attached
	world mount -t tmpfs -o ro none /run/truesum/attached
	ours ADD < <(truesum_config "$previous" "$open")
	[ "$status" = 0 ]
	diff <(jq -S . <<<"$previous") <(jq -S . <<<"$output")
	grep "cannot write.*goes on unprotected (failOpen)" "$WORK/said"
	protected on no
	ours CHECK < <(truesum_config "$previous" "$open")
	[ "$status" = 0 ]
	[ -z "$output" ]
	grep "no record of an ADD.*(failOpen)" "$WORK/said"
	CNI_VERSION=1.1.0 ours STATUS < <(CNI_VERSION=1.1.0 truesum_config "$previous" "$open")
	[ "$status" = 0 ]
	# Also when the configuration is wrong, even at the container's end: others' DEL come
	# after it.
	for wrong in '"mitigation": "nosuch"' '"cniVersion": "9.9.9"'; do
		for command in ADD DEL; do
			ours $command < <(truesum_config "$previous" "$open, $wrong")
			[ "$status" = 0 ]
			grep "(failOpen)" "$WORK/said"
		done
	done
	ours ADD nosuch < <(truesum_config "$previous" "$open")
	[ "$status" = 0 ]
	# Not without a result to pass on, nor when somebody else may have meant something else.
	ours ADD < <(truesum_config null "$open")
	error 7 "prevResult is missing"
	ours ADD < <(truesum_config "$previous" '"failOpen": false')
	error 5 "cannot write"
	ours ADD < <(truesum_config "$previous")
	error 5 "cannot write"
	ours ADD < <(truesum_config "$previous" '"failOpen": "true"')
	error 2 '"failOpen"'
	ours VERSION < <(truesum_config "$previous" "$open")
	jq -e .supportedVersions <<<"$output"
}

@test "an ADD that fails half way undoes what it did" {
	made ptp ""
	world mkdir -p /run/truesum/attached
	world mount -t tmpfs -o ro none /run/truesum/attached
	ours ADD < <(truesum_config "$previous")
	error 5 "cannot write"
	protected on no
	[ -z "$(kept)" ]
	world tc -n c1 qdisc show dev eth0
	[[ $(world tc -n c1 qdisc show dev eth0) != *clsact* ]]
}

@test "20 ADDs at once, and 20 DELs" {
	# shellcheck disable=SC2016 # expands in the world
	world bash -euc '. "$0"
		for k in {1..20}; do
			space "p$k"
			cni_config bridge "$1" | plugin ADD bridge "p$k" >"/run/result$k"
			truesum_config "$(cat "/run/result$k")" >"/run/config$k"
		done
		all() {
			local pid pids=() k bad=0
			for k in {1..20}; do
				plugin "$1" truesum "p$k" <"/run/config$k" >"/run/out$k" 2>/dev/null &
				pids+=($!)
			done
			for pid in "${pids[@]}"; do wait "$pid" || bad=1; done
			return $bad
		}
		all ADD
		for k in {1..20}; do
			diff <(jq -S . "/run/result$k") <(jq -S . "/run/out$k")
			tc -n "p$k" filter show dev eth0 ingress | grep -c tsum_reset | grep -qx 1
			ip netns exec "p$k" ethtool -k eth0 | grep -q "rx-checksumming: off"
		done
		[ "$(find /run/truesum -type f | wc -l)" = 40 ]
		all CHECK
		all DEL
		[ -z "$(find /run/truesum -type f)" ]' "$GUARD_FILE" "$BRIDGE"
}

# starts TYPE KEYS|"" yes|"": starts $STARTS containers, one after another, with truesum or without;
# their counts go to $WORK/starts
starts() {
	local i
	for ((i = 0; i < STARTS; i++)); do
		ONLY=yes in_world cni_start c1 "$@"
	done >"$WORK/starts"
	cat "$WORK/starts" "$WORK"/*.err >&2
	read -r count intact damaged bytes < <(sums "$WORK/starts")
	[ "$count" = "$STARTS" ]
	[ "$intact" = $((STARTS * READ_COUNT)) ]
}

@test "damage on the wire before the container exists: delivered without truesum, not one byte with it" {
	local address plugin
	for address in 10.11.0.2 fd11::2; do
		downpour "$address"
		for plugin in bridge ptp; do
			local keys=""
			[ $plugin = ptp ] || keys=$BRIDGE
			starts $plugin "$keys" ""
			echo "$plugin $address without: $damaged datagrams, $bytes bytes damaged" >&3
			[ "$damaged" -gt 0 ]
			starts $plugin "$keys" yes
			echo "$plugin $address with: $damaged datagrams, $bytes bytes damaged, $intact intact" >&3
			[ "$damaged" = 0 ]
			[ "$bytes" = 0 ]
		done
		stop "rain-$address" || true
		stop vouch
		stop damage
	done
}
