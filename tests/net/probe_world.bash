# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034 # what is set here, tests use
#
# A host for `truesum probe`: fresh network, mount and PID namespaces. (The probe finds every
# namespace in /proc, and must not find the machine's own.) The host has an uplink `nic` to a router
# in namespace R, and the containers that a test attaches. All of it ends with the test.

WORLD_FILE=${BASH_SOURCE[0]}
TRUESUM=${TRUESUM:-$(dirname "$WORLD_FILE")/../../build/truesum}
WORK=${BATS_TEST_TMPDIR:-${WORK:-}}
export TRUESUM WORK

# ---- In the world: build NAME... calls these -----------------------------------------------------

# addresses NS|- DEV N HOST: adds 10.N.0.HOST/24 and fd0N::HOST/64, and sets the device up
addresses() {
	local at=()
	[ "$1" = - ] || at=(-n "$1")
	ip "${at[@]}" addr add "10.$3.0.$4/24" dev "$2"
	ip "${at[@]}" addr add "fd0$3::$4/64" dev "$2" nodad
	ip "${at[@]}" link set "$2" up
}

# gateway NS N HOST: sets the default routes of NS
gateway() {
	ip -n "$1" route add default via "10.$2.0.$3"
	ip -n "$1" -6 route add default via "fd0$2::$3"
}

# Devices of the current network namespace may send at once: they do not look for duplicates or
# routers.
at_once() {
	local name
	for name in all default; do
		sysctl -qw net.ipv6.conf.$name.accept_dad=0 net.ipv6.conf.$name.router_solicitations=0
	done
	ip link set lo up
}

space() {
	ip netns add "$1"
	ip netns exec "$1" bash -c "$(declare -f at_once); at_once"
}

forwarding() {
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

host() {
	mount -t tmpfs tsum-test /run
	mkdir /run/netns
	at_once
	space R
	ip link add nic type veth peer name r0 netns R
	ip netns exec R sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1
	addresses - nic 5 2
	addresses R r0 5 1
	ip route add default via 10.5.0.1
	ip -6 route add default via fd05::1
	forwarding
}

# A container C that is routed to over a veth pair, whose end on the host is v0.
routed() {
	space C
	ip link add v0 type veth peer name eth0 netns C
	addresses - v0 6 1
	addresses C eth0 6 2
	gateway C 6 1
}

bridge() {
	space C
	ip link add br0 type bridge
	ip link add v0 type veth peer name eth0 netns C
	ip link set v0 master br0
	ip link set v0 up
	addresses - br0 6 1
	addresses C eth0 6 2
	gateway C 6 1
}

# The bridge has the NIC as a port; the container is the host's neighbour.
l2bridge() {
	space C
	ip addr flush dev nic
	ip link add br0 type bridge
	ip link set nic master br0
	ip link add v0 type veth peer name eth0 netns C
	ip link set v0 master br0
	ip link set v0 up
	addresses - br0 5 2
	addresses C eth0 5 3
	ip route replace default via 10.5.0.1
	ip -6 route replace default via fd05::1
	gateway C 5 1
}

# Container C inside container M: v0 on the host, w0 in M.
nested() {
	space M
	ip link add v0 type veth peer name eth0 netns M
	addresses - v0 6 1
	addresses M eth0 6 2
	gateway M 6 1
	ip netns exec M sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	space C
	ip -n M link add w0 type veth peer name eth0 netns C
	addresses M w0 7 1
	addresses C eth0 7 2
	gateway C 7 1
	ip route add 10.7.0.0/24 via 10.6.0.2
	ip -6 route add fd07::/64 via fd06::2
}

conntrack_on() {
	nft 'table inet t { chain forward { type filter hook forward priority 0; ct state established accept; accept; }; }'
	sysctl -qw net.netfilter.nf_conntrack_checksum=1
}

conntrack_drop() {
	nft 'table inet t { chain forward { type filter hook forward priority 0; ct state invalid drop; accept; }; }'
	sysctl -qw net.netfilter.nf_conntrack_checksum=1
}

# As in Docker: outgoing packets are masqueraded, a published port is translated.
nat() {
	nft 'table inet t {
		chain pre { type nat hook prerouting priority -100;
			tcp dport 8080 dnat ip to 10.6.0.2:80; tcp dport 8080 dnat ip6 to [fd06::2]:80; }
		chain post { type nat hook postrouting priority 100;
			ip saddr 10.6.0.0/24 oifname != v0 masquerade;
			ip6 saddr fd06::/64 oifname != v0 masquerade; }
	}'
	sysctl -qw "net.netfilter.nf_conntrack_checksum=$1"
}

# The container has the host's address and MAC; tc redirects its ports (Mesos' port mapping).
mesos() {
	local mac router
	mac=$(ip -j link show nic | jq -r '.[0].address')
	router=$(ip -n R -j link show r0 | jq -r '.[0].address')
	space C
	ip link add v0 type veth peer name eth0 netns C
	ip link set v0 up
	ip -n C link set eth0 address "$mac"
	ip -n C addr add 10.5.0.2/24 dev eth0
	ip -n C link set eth0 up
	ip -n C neigh add 10.5.0.1 lladdr "$router" dev eth0
	ip -n C route add default via 10.5.0.1
	ip netns exec C sysctl -qw net.ipv4.ip_local_port_range='32768 33791'
	tc qdisc add dev nic clsact
	tc qdisc add dev v0 clsact
	tc filter add dev nic ingress protocol ip u32 match ip dport 32768 0xfc00 \
		action mirred egress redirect dev v0
	tc filter add dev v0 ingress protocol ip u32 match ip sport 32768 0xfc00 \
		action mirred egress redirect dev nic
}

# vxlan on|off [4|6 [ARG...]]: packets arrive over an overlay whose other VTEP is R. on|off is the
# outer checksum, 4|6 the family of the outer packets; ARG... go to `ip link add`.
vxlan() {
	local csum=() here=10.5.0.2 there=10.5.0.1
	case $1${2:-4} in
	on4) csum=(udpcsum) ;;
	off4) csum=(noudpcsum) ;;
	on6) csum=(noudp6zerocsumtx) ;;
	off6) csum=(udp6zerocsumtx udp6zerocsumrx) ;;
	esac
	[ "${2:-4}" = 4 ] || here=fd05::2 there=fd05::1
	[[ " $* " == *" dstport "* ]] || set -- "$1" "${2:-4}" dstport 4789 "${@:3}"
	ip link add vx0 type vxlan id 4 local "$here" remote "$there" "${csum[@]}" "${@:3}"
	ip -n R link add vx0 type vxlan id 4 local "$there" remote "$here" "${csum[@]}" dstport 4789
	addresses - vx0 8 2
	addresses R vx0 8 1
	ip route replace default via 10.8.0.1
	ip -6 route replace default via fd08::1
}

# Container D is the neighbour of R's end of the overlay, through a bridge.
bridged_vxlan() {
	ip addr flush dev vx0
	beside_vxlan
	space D
	ip link add br0 type bridge
	ip link add v9 type veth peer name eth0 netns D
	ip link set vx0 master br0
	ip link set v9 master br0
	ip link set v9 up
	ip link set br0 up
	addresses D eth0 8 3
	gateway D 8 1
}

# Only packets for the overlay's own addresses use it.
beside_vxlan() {
	ip route replace default via 10.5.0.1
	ip -6 route replace default via fd05::1
}

stacked() {
	space C
	case $1 in
	macvlan) ip link add link nic name eth0 netns C type macvlan mode bridge ;;
	ipvlan) ip link add link nic name eth0 netns C type ipvlan mode l2 ;;
	esac
	addresses C eth0 5 3
	gateway C 5 1
}

# ---- In the test ---------------------------------------------------------------------------------

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	start_world 120
}

# start_world SECONDS: the world ends by itself after that time. Without namespaces the test is
# skipped; a chroot whose / is no mount point has none to mount in.
start_world() {
	unshare -n -m -p -f --mount-proc true 2>/dev/null || skip "needs network, mount and PID namespaces"
	rm -f "$WORK/ready"
	unshare -n -m -p -f --mount-proc --kill-child bash -euc \
		". '$WORLD_FILE'; host; touch '$WORK/ready'; exec sleep $1" >"$WORK/world" 2>&1 3>&- &
	UNSHARE=$!
	wait_for "test -e $WORK/ready || ! kill -0 $UNSHARE"
	[ -e "$WORK/ready" ] || { cat "$WORK/world"; return 1; }
	WORLD=$(pgrep -P "$UNSHARE")
	IN_WORLD=(nsenter -t "$WORLD" -n -m -p -r -w)
}

# Kills the world's first process, and so everything in the PID namespace. unshare itself ignores
# signals.
end_world() {
	[ -z "$WORLD" ] || kill -KILL "$WORLD" 2>/dev/null || true
	[ -z "$UNSHARE" ] || wait "$UNSHARE" 2>/dev/null || true
}

teardown() { end_world; }

# Waits until the command succeeds, at most ten seconds.
wait_for() {
	for _ in $(seq 500); do
		eval "$1" && return 0
		sleep 0.02
	done
	return 1
}

world() { "${IN_WORLD[@]}" "$@"; }

# build TOPOLOGY [ARG...]: calls one of the functions above in the world
build() {
	# shellcheck disable=SC2016 # expands in the world
	world bash -euc '. "$0"; "$@"' "$WORLD_FILE" "$@"
}

declare -gA JOB # bats reads this in a function
# start NAME COMMAND...: starts it in the world, in the background.
# stop NAME [SIGNAL]: ends it, and returns its exit code.
start() {
	local name=$1
	shift
	# shellcheck disable=SC2016 # expands in the world
	world bash -c 'echo $$ >"$0"; exec "$@"' "$WORK/$name.pid" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" 3>&- &
	JOB[$name]=$!
	wait_for "test -s $WORK/$name.pid"
}
stop() {
	world kill -s "${2:-TERM}" "$(cat "$WORK/$1.pid")"
	wait "${JOB[$1]}"
}

# vouch NAME NS|- DEV: the veth end does what veth did before Linux 4.4, until stop NAME.
vouch() {
	local at=() in=()
	[ "$2" = - ] || { at=(-n "$2") in=(--netns "$2"); }
	start "$1" "$TRUESUM" corrupt "${in[@]}" --dev "$3" --direction egress --vouch
	wait_for "world tc ${at[*]} filter show dev $3 egress | grep -q tsum_corrupt" ||
		{ cat "$WORK/$1.err"; return 1; }
}

# probe ARG...: stdout (JSON) goes to $WORK/out, stderr to $WORK/err, the exit code to $status.
probe() {
	status=0
	world "$TRUESUM" probe --json "$@" >"$WORK/out" 2>"$WORK/err" || status=$?
}

# json FILTER: prints the filter's result on the last probe's output
json() { jq -r "$1" "$WORK/out"; }

# verdicts [FILTER]: prints the verdicts of the targets' checks, each once, as in
# `verdicts 'select(.proto == "tcp")'`. Leaves out UDP without checksum, which must deliver damage.
verdicts() {
	json "[.targets[].checks[] | select(.direction == \"in\" and (.inherent | not)) | ${1:-.} |
		.verdict + (if .verdict == \"verified\" then \":\" + .by else \"\" end)] | unique | join(\" \")"
}

# expect EXIT VERDICTS [FILTER]: checks the last probe; if it differs, prints what it has.
expect() {
	local got
	got=$(verdicts "${3:-.}")
	[ "$status" = "$1" ] && [ "$got" = "$2" ] && return 0
	echo "exit code $status, not $1, or verdicts '$got', not '$2'"
	cat "$WORK/err"
	json '.targets[].checks[] | select(.direction == "in") |
		[.proto, .family, .shape, .verdict, .by, .reason, (.evidence.letters | join(","))] | @tsv'
	return 1
}
