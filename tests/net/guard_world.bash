# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016 # the scripts expand in the world
#
# For tests of `truesum guard`, beside probe_world.bash: a /var/lib of the world's own, and the
# state of everything that guard may change.

# shellcheck source=tests/net/probe_world.bash
source "${BASH_SOURCE[0]%/*}/probe_world.bash"

# start_guard_world SECONDS: R has a way back to the host, so that it can be probed, too.
start_guard_world() {
	start_world "$1"
	world mount -t tmpfs tsum-test /var/lib
	world ip -n R route add default via 10.5.0.2
	world ip -n R -6 route add default via fd05::2
}

# guard ARG...: stdout goes to $WORK/out, stderr to $WORK/err, the exit code to $status.
guard() {
	status=0
	world "$TRUESUM" guard "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
}

# apply EXIT ARG...: runs it with --json, and checks the exit code
apply() {
	guard apply --json "${@:2}"
	[ "$status" = "$1" ] && return 0
	echo "exit code $status, not $1"
	cat "$WORK/err"
	jq -c '.targets[]' "$WORK/out"
	return 1
}

# on TARGET: the mitigations on it, by the last apply; on policy: what the policy puts on, as
# "veth:reset nic:rx-off host:..."
on() {
	if [ "$1" = policy ]; then
		json '.policy | [(.containers[] | select(.mitigations != []) | .kind + ":" + (.mitigations | join(","))),
			(.devices[] | .device + ":" + (.mitigations | join(","))), (.host[] | "host:" + .)] | join(" ")'
	else
		json ".targets[] | select(.name == \"$1\") | .mitigations | join(\" \")"
	fi
}

# Prints the present state of everything that guard may change, in every namespace.
state() {
	world bash -c '
		look() {
			local dev
			for dev in $(ls /sys/class/net); do
				echo "== $1 $dev"
				ethtool -k "$dev"
				tc qdisc show dev "$dev"
				tc filter show dev "$dev" ingress 2>&1
				tc filter show dev "$dev" egress 2>&1
			done
			sysctl -a --pattern "^net\." 2>/dev/null | grep -v nf_conntrack_count
		}
		export -f look
		mount -t sysfs sys /sys 2>/dev/null
		look host
		for ns in $(ls /run/netns); do
			ip netns exec "$ns" bash -c "look $ns"
		done'
}

# unchanged: everything is as in $WORK/before, and no record of guard's is left
unchanged() {
	state | diff "$WORK/before" -
	[ -z "$(world find /run/truesum/guard /var/lib/truesum -type f 2>/dev/null)" ]
	world bash -c '! ip link show tsumprobe' >/dev/null 2>&1
}

# all_verify ARG...: a probe finds that the named targets verify; without a name all targets
all_verify() {
	probe "$@"
	expect 0 "$(verdicts)"
	[ "$(json .verdict)" = verified ]
}

# protects "ARG..." POLICY: apply finds a mitigation; then all verify; a second apply changes
# nothing; revert restores all
protects() {
	local args
	read -ra args <<<"$1"
	state >"$WORK/before"
	apply 0 "${args[@]}"
	[ "$(on policy)" = "$2" ] || { on policy; jq -c '.targets[]' "$WORK/out"; return 1; }
	[ "$(json '[.targets[].before] | index("delivers-corrupt") != null')" = true ]
	[ "$(json '[.targets[].after] | unique | join(" ")')" = verified ]
	all_verify "${args[@]}"
	state >"$WORK/protected"
	apply 0 "${args[@]}"
	[ "$(json '[.targets[].before] | unique | join(" ")')" = verified ]
	[ "$(json .probes)" = 1 ]
	[ "$(on policy)" = "$2" ]
	state | diff "$WORK/protected" -
	guard status --json
	[ "$status" = 0 ]
	[ "$(json .state)" = in-force ]
	guard revert
	[ "$status" = 0 ]
	unchanged
}
