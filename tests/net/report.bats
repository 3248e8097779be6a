#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum report` on a host full of secrets: none of them is in it, and what a bug report needs is.
# shellcheck disable=SC2016 # the scripts expand in the world, not here

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/guard_world.bash
source "$BATS_TEST_DIRNAME/guard_world.bash"

TOP=$BATS_TEST_DIRNAME/../..
TOOLS=$(dirname "$TRUESUM")/tools

# Names, addresses and MACs of the host's owner, also in the forms that other programs write.
SECRETS=(
	payroll-db 'acme-internal' prod-node-17 corp.example
	10.77.1.9 10.77.1 172.29.3.44 fd77:acc0::44 fd77:acc0
	02:ac:e0:00:00:17 02:ac:e0:00:00:44 02ace0000017
	4f9d2c1b7a6e5d4c br-4f9d2c1b7a6e customer7
	ace0:ff:fe00 aceff
)

secret_world() {
	[ -x "$TOOLS/mark" ] || skip "needs make toolbox"
	build routed
	world bash -euc '
		ip netns add payroll-db
		ip link add v-payroll-db type veth peer name eth0 netns payroll-db
		ip addr add 10.77.1.9/24 dev v-payroll-db
		ip link set v-payroll-db address 02:ac:e0:00:00:17 up
		ip -n payroll-db link set eth0 address 02:ac:e0:00:00:44 up
		ip -n payroll-db addr add 172.29.3.44/16 dev eth0
		ip -n payroll-db addr add fd77:acc0::44/64 dev eth0 nodad
		ip link add br-4f9d2c1b7a6e type bridge
		ip link set br-4f9d2c1b7a6e up
		ip link add enx02ace0000017 type veth peer name wg-customer7
		ip link set enx02ace0000017 up
		"$0" enx02ace0000017 ingress tsum_veth_2016 1
		nft "table inet acme-internal { chain customer7 { type filter hook forward priority 5; }; }"
		iptables -t nat -A POSTROUTING -s 10.77.1.0/24 -j MASQUERADE
		# As container engines do: the name of a namespace that only a process holds.
		ip netns exec payroll-db unshare -u bash -c "
			echo 4f9d2c1b7a6e5d4c >/proc/sys/kernel/hostname; exec sleep 300" &' "$TOOLS/mark"
	start hostname unshare -u bash -c 'echo prod-node-17.corp.example >/proc/sys/kernel/hostname; sleep 300'
	wait_for '[ "$(report_in_uts uname -n)" = prod-node-17.corp.example ]'
}

# report_in_uts COMMAND...: in the world, with the host's secret name
report_in_uts() {
	local pid
	pid=$(world pgrep -xf 'sleep 300' | while read -r pid; do
		[ "$(world nsenter -t "$pid" -u uname -n)" != prod-node-17.corp.example ] || echo "$pid"
	done | head -n 1)
	[ "$pid" ] && world nsenter -t "$pid" -u "$@"
}

# report EXIT NAME ARG...: to $WORK/NAME.out and .err
report() {
	status=0
	report_in_uts timeout 60 "$TRUESUM" report "${@:3}" >"$WORK/$2.out" 2>"$WORK/$2.err" || status=$?
	[ "$status" = "$1" ] || { echo "$*: exit code $status"; cat "$WORK/$2.err" "$WORK/$2.out"; return 1; }
}

# secretless NAME: neither stream has a secret, in whatever case
secretless() {
	local secret
	for secret in "${SECRETS[@]}"; do
		! grep -iF -- "$secret" "$WORK/$1.out" "$WORK/$1.err" || { echo "$1: $secret"; return 1; }
	done
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -u -p -f --mount-proc true 2>/dev/null || skip "needs network, mount, UTS and PID namespaces"
	start_guard_world 300
}

@test "report: no name, address or MAC of the host's owner is in it; the same things have the same labels" {
	local form
	secret_world
	state >"$WORK/before"
	report 0 text
	report 0 json --json
	state | diff "$WORK/before" -
	report 0 probe --probe
	state | diff "$WORK/before" -
	for form in text json probe; do
		secretless "$form"
	done
	! awk 'length > 76' "$WORK"/{text,probe}.out | grep . || return 1
	! LC_ALL=C grep -P '[^\n -~]' "$WORK"/{text,probe}.out || return 1
	# Both ends of the pair name each other.
	jq -e '[.devices[].members[]] as $all | any($all[]; . as $one | .namespace == "host" and .link_namespace != null and
		any($all[]; .namespace == $one.link_namespace and .name == $one.link and .link == $one.name))' "$WORK/json.out"
	# The order is that of the inventory: a second report says the same.
	report 0 again --json
	labels() { jq -c '[.devices[].members[] | [.namespace, .name, .mac]] | sort' "$1"; }
	diff <(labels "$WORK/json.out") <(labels "$WORK/again.out")
}

@test "report: --addresses shows them, and says so" {
	local secret
	secret_world
	report 0 text --addresses
	report 0 json --json --addresses
	for secret in payroll-db 10.77.1.9/24 172.29.3.44/16 fd77:acc0::44/64 br-4f9d2c1b7a6e wg-customer7 enx02ace0000017; do
		grep -qF -- "$secret" "$WORK/json.out" || { echo "lacks $secret"; return 1; }
	done
	grep -qF '"02:ac:e0:00:00:17"' "$WORK/json.out"
	grep -qF payroll-db "$WORK/text.out"
	[ "$(jq .labels "$WORK/json.out")" = false ]
	head -n 1 "$WORK/text.out" | grep -qF 'with real names and addresses'
	! awk 'length > 76' "$WORK/text.out" | grep . || return 1
}

@test "report: kernel, drivers, features, programs, rules, settings and counters are in it" {
	secret_world
	report 0 json --json
	out() { jq -r "$1" "$WORK/json.out"; }
	[ "$(out .kernel.release)" = "$(uname -r)" ]
	[ "$(out .kernel.machine)" = "$(uname -m)" ]
	[ "$(out .kernel.tainted)" = "$(cat /proc/sys/kernel/tainted)" ]
	[ "$(out .kernel.distribution)" = "$(. /etc/os-release; echo "$PRETTY_NAME")" ]
	[ "$(out .version)" = "$("$TRUESUM" --version | sed 's/truesum //')" ]
	[[ $(readelf -n "$TRUESUM") == *"Build ID: $(out .build.id)"* ]]
	# ethtool groups what the kernel names: the two that it does not group agree with it.
	world ethtool -k enx02ace0000017 | awk '$1 ~ /^(rx-gro-list|tx-udp-segmentation|rx-udp-gro-forwarding):/ {
		sub(":", "", $1); print }' | sort >"$WORK/ethtool"
	out '.devices[] | select(.hooks != []) | .features | to_entries[] | select(.key | IN("rx-gro-list", "tx-udp-segmentation",
		"rx-udp-gro-forwarding")) | "\(.key) \(.value)"' | sort | diff "$WORK/ethtool" -
	[ -s "$WORK/ethtool" ]
	[ "$(out '.devices[] | select(.hooks != []) | .hooks | map(.hook + " " + .name) | join(" ")')" = "tc ingress tsum_veth_2016" ]
	[ "$(out '.devices[] | select(.hooks != []) | .driver')" = veth ]
	out '.namespaces[] | select(.members[0] == "host") | .netfilter[]' >"$WORK/hooks"
	grep -qx 'inet filter forward 5' "$WORK/hooks"
	grep -qx 'ip nat postrouting 100' "$WORK/hooks"
	[ "$(out '[.namespaces[] | select(.members[0] == "host") | .sysctls[] | select(.name == "net.ipv4.ip_forward") | .value] | .[0]')" = \
		"$(world sysctl -n net.ipv4.ip_forward)" ]
	"$TOP/tools/json-keys" check "$TOP/src/cmd/report/report.keys" <"$WORK/json.out"
	report 0 probe --json --probe
	"$TOP/tools/json-keys" check --all "$TOP/src/cmd/report/report.keys" <"$WORK/probe.out"
	[ "$(jq -r .probe.verdict "$WORK/probe.out")" != null ]
	[ "$(jq '[.probe.targets[].members[]] | length' "$WORK/probe.out")" = "$(jq '[.namespaces[].members[]] | length' "$WORK/json.out")" ]
}

@test "report: what guard has proven is in it, and a policy that cannot be read is said" {
	secret_world
	guard apply --json --mitigation reset || true
	world test -f /var/lib/truesum/policy.json
	report 0 json --json
	diff <(jq -S .policy.containers "$WORK/json.out") <(world cat /var/lib/truesum/policy.json | jq -S .containers)
	guard revert
	world bash -c 'mkdir -p /var/lib/truesum; echo nonsense >/var/lib/truesum/policy.json'
	report 3 json --json
	[ "$(jq .policy "$WORK/json.out")" = null ]
	jq -re .no_policy "$WORK/json.out"
}

@test "report: an ordinary user gets what he may see, and is told what he may not" {
	secret_world
	chmod -R a+rX "$WORK" 2>/dev/null || true
	status=0
	report_in_uts setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all \
		"$TRUESUM" report >"$WORK/user.out" 2>"$WORK/user.err" || status=$?
	cat "$WORK/user.out" "$WORK/user.err"
	[ "$status" = 3 ]
	[ ! -s "$WORK/user.err" ]
	grep -q '^not seen  *other namespaces' "$WORK/user.out"
	grep -q 'netfilter  *not readable' "$WORK/user.out"
	grep -q "kernel  *$(uname -r)" "$WORK/user.out"
	secretless user
}
