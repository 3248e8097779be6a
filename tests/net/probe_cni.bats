#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `truesum probe` and `guard` on networks made by the reference CNI plugins, which are called as a
# runtime calls them.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/guard_world.bash
source "$BATS_TEST_DIRNAME/guard_world.bash"

for PLUGINS in /usr/lib/cni /opt/cni/bin; do
	[ -x "$PLUGINS/host-local" ] && break
done
WHOLE='select(.shape != "fragments")'
V4='select(.family == 4)'
V6='select(.family == 6)'
CORRUPT=delivers-corrupt

setup() {
	[ "$(id -u)" = 0 ] || skip "cni: needs root"
	[ -x "$PLUGINS/host-local" ] || skip "cni: no plugins (Debian: containernetworking-plugins)"
	start_guard_world 60
	build space C
}

# cni ADD|DEL TYPE [KEYS]: calls the plugin of that type for container C; KEYS are JSON members of
# its configuration
cni() {
	cat >"$WORK/cni.conf" <<-END
		{
			"cniVersion": "0.4.0", "name": "net", "type": "$2" ${3:+, $3},
			"ipam": {
				"type": "host-local", "dataDir": "/run/cni",
				"ranges": [[{"subnet": "10.11.0.0/24"}], [{"subnet": "fd11::/64"}]],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
			}
		}
	END
	world env CNI_COMMAND="$1" CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/C CNI_IFNAME=eth0 CNI_PATH="$PLUGINS" \
		"$PLUGINS/$2" <"$WORK/cni.conf" >"$WORK/cni.out" || { cat "$WORK/cni.out"; return 1; }
}

# The host's end of the container's veth, as the probe names it.
veth() { json '.targets[0].interfaces[0].other_end'; }

# with_statement IPv4 IPv6: expects these verdicts while the veth vouches, and that both verify
# afterwards
with_statement() {
	vouch veth - "$(veth)"
	probe -n C
	expect 1 "$1" "$V4 | $WHOLE"
	expect 1 "$2" "$V6 | $WHOLE"
	stop veth
	probe -n C
	[ "$status" = 0 ]
}

@test "cni ptp: verified by the socket; with the 2016 statement it delivers damage" {
	cni ADD ptp
	probe -n C
	expect 0 verified:socket
	[ "$(json '.targets[0].interfaces[0] | "\(.name) \(.kind) \(.other_netns)"')" = "eth0 veth host" ]
	with_statement $CORRUPT $CORRUPT
	probe -n C --as-if lying-nic
	expect 1 $CORRUPT
	cni DEL ptp
	probe -n C
	[ "$(json '.targets[0].isolated')" = true ]
}

@test "cni bridge without ipMasq: verified by the socket; with the 2016 statement it delivers damage" {
	cni ADD bridge '"bridge": "cni0", "isGateway": true'
	probe -n C
	expect 0 verified:socket
	with_statement $CORRUPT $CORRUPT
}

@test "cni bridge with ipMasq: conntrack verifies, the 2016 statement or not" {
	cni ADD bridge '"bridge": "cni0", "isGateway": true, "ipMasq": true'
	probe -n C
	expect 0 verified:conntrack
	vouch veth - "$(veth)"
	probe -n C
	expect 0 verified:conntrack
	world sysctl -qw net.netfilter.nf_conntrack_checksum=0
	probe -n C
	expect 1 $CORRUPT "$WHOLE"
	stop veth
	probe -n C
	expect 0 verified:socket
}

@test "cni bridge that is no gateway: blocked, as there is no way out" {
	cni ADD bridge '"bridge": "cni0"'
	probe -n C
	[ "$status" = 3 ]
	[ "$(json .verdict)" = blocked ]
}

@test "cni macvlan: verified by the socket, with --via its parent" {
	# R is its gateway.
	world ip -n R addr add 10.11.0.1/24 dev r0
	world ip -n R addr add fd11::1/64 dev r0 nodad
	cni ADD macvlan '"master": "nic"'
	probe -n C
	[ "$status" = 3 ]
	[[ $(json '.targets[0].no_v4') == *"does not lead to this host's routing"* ]]
	probe -n C --via nic
	expect 0 verified:socket
	probe -n C --via nic --as-if lying-nic
	expect 1 $CORRUPT
}

@test "cni: guard protects containers of ptp and bridge, and restores everything" {
	cni ADD ptp
	probe -n C
	vouch veth - "$(veth)"
	protects "" veth:reset
	stop veth
	cni DEL ptp
	cni ADD bridge '"bridge": "cni0", "isGateway": true, "ipMasq": true'
	probe -n C
	vouch veth - "$(veth)"
	world sysctl -qw net.netfilter.nf_conntrack_checksum=0
	protects "" veth:reset
	stop veth
}
