#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2030,SC2031,SC2154 # bats runs each test in its own subshell, and sets stderr
#
# `truesum audit` on a small host of its own: a bridge br0 with three containers c1 to c3 on it, and
# a routed one, r. It has its own network, mount and process namespaces, so that nothing else is
# seen from there.

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TOP=$BATS_TEST_DIRNAME/../..
WORK=$BATS_TEST_TMPDIR

make_host() {
	mount -t proc tsum-test /proc
	mount -t tmpfs tsum-test /run
	mkdir /run/netns
	ip link set lo up
	ip link add br0 type bridge
	ip addr add 172.18.0.1/16 dev br0
	ip link set br0 up
	for n in 1 2 3; do
		ip netns add "c$n"
		ip link add "v$n" type veth peer name eth0 netns "c$n"
		ip link set "v$n" master br0 up
		ip -n "c$n" addr add "172.18.0.1$n/16" dev eth0
		ip -n "c$n" link set eth0 up
	done
	ip netns add r
	ip link add cali1 type veth peer name eth0 netns r
	ip link set cali1 up
	ip -n r link set eth0 up
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -p --fork mount -t proc tsum-test /proc 2>/dev/null ||
		skip "needs network, mount and process namespaces"
	unshare -n -m -p --fork bash -euc \
		"$(declare -f make_host); make_host; touch $WORK/ready; exec sleep 120" >"$WORK/host" 2>&1 3>&- &
	UNSHARE=$!
	wait_for "test -e $WORK/ready" || { cat "$WORK/host"; return 1; }
	INIT=$(pgrep -P "$UNSHARE")
	IN_HOST=(nsenter -t "$INIT" -n -m -p -r)
}

teardown() {
	# The first process of a process namespace takes all others with it.
	[ -z "$INIT" ] || kill -KILL "$INIT" 2>/dev/null || true
}

wait_for() {
	for _ in $(seq 500); do
		eval "$1" && return 0
		sleep 0.02
	done
	return 1
}

host() { "${IN_HOST[@]}" "$@"; }
in_ns() { host ip netns exec "$@"; }

# audit ARG...: JSON to $WORK/out, the exit code to $status
audit() {
	status=0
	host "$TRUESUM" audit --json "$@" >"$WORK/out" || status=$?
}

# Prints each finding as a line: "id severity namespace device"
found() { jq -r '.findings[] | "\(.id) \(.severity) \(.namespace) \(.device // "-")"' "$WORK/out"; }

# expect EXIT LINE...: the findings are exactly these
expect() {
	audit
	diff <(printf '%s\n' "${@:2}" | sed '/^$/d') <(found)
	[ "$status" = "$1" ]
}

# Runs the first finding's remedy; then nothing is found.
remedy_cures() {
	audit
	host bash -c "$(jq -r '.findings[0].remedy' "$WORK/out")" >/dev/null
	expect 0
}

# Prints what the tests change and audit must not.
settings() {
	host ip link
	host tc qdisc
	host nft list ruleset
	for n in c1 c2 c3 r; do
		in_ns "$n" ip link
		in_ns "$n" ethtool -k eth0
	done
}

drift() { jq -r '.drift[] | "\(.namespace) \(.device // "-") \(.what): \(.was) \(.is)"' "$WORK/out"; }

# make_xdp: $WORK/xdp.o with programs in sections xdp/map, xdp/direct and xdp/pass
make_xdp() {
	command -v clang >/dev/null || skip "no clang"
	cat >"$WORK/xdp.c" <<-'END'
		#include <linux/bpf.h>
		#include <bpf/bpf_helpers.h>
		struct {
			__uint(type, BPF_MAP_TYPE_XSKMAP);
			__uint(max_entries, 1);
			__type(key, int);
			__type(value, int);
		} sockets SEC(".maps");
		SEC("xdp/map") int to_map(struct xdp_md *xdp)
		{
			return bpf_redirect_map(&sockets, xdp->rx_queue_index, XDP_PASS);
		}
		SEC("xdp/direct") int direct(struct xdp_md *xdp)
		{
			return xdp->ingress_ifindex > 100000 ? bpf_redirect(1, 0) : XDP_PASS;
		}
		SEC("xdp/pass") int pass(struct xdp_md *xdp)
		{
			return bpf_ktime_get_ns() ? XDP_PASS : XDP_DROP;
		}
		char _license[] SEC("license") = "GPL";
	END
	clang -O2 -g -target bpf -idirafter "/usr/include/$(uname -m)-linux-gnu" -c "$WORK/xdp.c" -o "$WORK/xdp.o"
}

# start_reader NETNS DEVICE NAME: a packet socket on the device, without PACKET_AUXDATA
start_reader() {
	local index
	index=$(host ip -n "$1" -j link show "$2" | jq '.[0].ifindex')
	# shellcheck disable=SC2016 # perl's
	in_ns "$1" perl -e '
		socket(S, 17, 3, 0x0300) or die;
		bind(S, pack("SnlSCCx8", 17, 3, $ARGV[0], 0, 0, 0)) or die;
		open(F, ">", $ARGV[2]);
		close(F);
		$0 = $ARGV[1];
		sleep 60' "$index" "$3" "$WORK/reading" 3>&- &
	wait_for "test -e $WORK/reading"
	rm "$WORK/reading"
}

@test "audit: a clean host: no finding, exit 0, every device in the tree, and nothing is changed" {
	local before
	wait_for '! { host ip link; in_ns r ip link; } | grep -qE "@.* state (DOWN|LOWER|UNKNOWN)"'
	before=$(settings)
	expect 0
	run -0 --separate-stderr host "$TRUESUM" audit
	echo "$output"
	[ -z "$stderr" ]
	[[ ${lines[0]} == "Nothing wrong found.  Linux $(uname -r), 5 namespaces, 14 devices." ]]
	grep -qE '^└─cali1 +veth ' <<<"$output"
	for n in 1 2 3; do
		grep -qE "─v$n +veth +1500 +on +on +- +on +-" <<<"$output"
		grep -qE "─↔ c$n: eth0 +veth +1500 .* 172.18.0.1$n/16" <<<"$output"
	done
	grep -qE '─↔ r: eth0 ' <<<"$output"
	diff <(echo "$before") <(settings)
}

@test "audit: a command line that makes no sense is refused in one line, exit 2" {
	local args
	while read -r args; do
		eval "run host $TRUESUM audit $args"
		echo "$args: $output"
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
		[[ $output == "truesum audit: "* ]]
	done <<-'END'
		--json --dot
		--baseline
		--nonsense
		operand
	END
}

@test "audit: conntrack without checksums is a finding if there are NAT rules, and only then" {
	host sysctl -qw net.netfilter.nf_conntrack_checksum=0 || skip "no conntrack"
	in_ns c1 sysctl -qw net.netfilter.nf_conntrack_checksum=0
	expect 0
	host nft 'add table ip t; add chain ip t post { type nat hook postrouting priority 100; }'
	expect 0
	host nft add rule ip t post masquerade
	expect 1 "conntrack-unchecked warning host -"
	host nft delete table ip t
	in_ns c1 nft 'add table inet t; add chain inet t pre { type nat hook prerouting priority -100; };
		add rule inet t pre tcp dport 80 redirect to :8080'
	expect 1 "conntrack-unchecked warning c1 -"
	remedy_cures
}

@test "audit: conntrack without checksums is a danger on a kernel whose veth may be unfixed" {
	command -v setarch >/dev/null || skip "no setarch"
	host sysctl -qw net.netfilter.nf_conntrack_checksum=0 || skip "no conntrack"
	host nft 'add table ip t; add chain ip t post { type nat hook postrouting priority 100; };
		add rule ip t post masquerade'
	status=0
	host setarch --uname-2.6 "$TRUESUM" audit --json >"$WORK/out" || status=$?
	[ "$status" = 1 ]
	diff <(printf '%s\n' "conntrack-unchecked danger host -" "veth-version note host -") <(found)
	[ "$(jq -r .verdict "$WORK/out")" = danger ]
}

@test "audit: a kernel version that says nothing about veth is a note, if there is a veth" {
	command -v setarch >/dev/null || skip "no setarch"
	host setarch --uname-2.6 "$TRUESUM" audit --json >"$WORK/out"
	[ "$(found)" = "veth-version note host -" ]
	jq -r '.findings[0].why' "$WORK/out" | grep -q 'for 2\.6\.'
	for dev in cali1 v1 v2 v3; do
		host ip link delete "$dev"
	done
	host setarch --uname-2.6 "$TRUESUM" audit --json >"$WORK/out"
	[ -z "$(found)" ]
}

@test "audit: rx off on a veth, which does nothing, is a note" {
	in_ns r ethtool -K eth0 rx off
	expect 0 "rx-off-useless note r eth0"
	remedy_cures
}

@test "audit: a container that differs from the others on its bridge is a note; a single one is not" {
	in_ns c2 ethtool -K eth0 tx off
	in_ns r ethtool -K eth0 tx off
	expect 0 "bridge-uneven note c2 eth0"
	jq -r '.findings[0].why' "$WORK/out" | grep -qF 'eth0 in c2 has tx-checksum-ip-generic off (1 of 3)'
	in_ns c1 ethtool -K eth0 tx off
	# Now c3 differs.
	expect 0 "bridge-uneven note c3 eth0"
	in_ns c3 ethtool -K eth0 tx off
	expect 0
}

@test "audit: XDP that redirects is a finding if the other end leaves checksums unfinished" {
	make_xdp
	local section
	for section in map direct; do
		host ip link set dev cali1 xdp obj "$WORK/xdp.o" sec "xdp/$section" || skip "no XDP on veth"
		expect 1 "xdp-unfinished warning host cali1"
		[ "$(jq '.namespaces[0].devices[] | select(.name == "cali1") | .xdp[0].redirects' "$WORK/out")" = true ]
		host ip link set dev cali1 xdp off
	done
	host ip link set dev cali1 xdp obj "$WORK/xdp.o" sec xdp/pass
	expect 0
	host ip link set dev cali1 xdp off
	host ip link set dev cali1 xdp obj "$WORK/xdp.o" sec xdp/map
	remedy_cures
	# On the bridge it gets the packets of every port.
	host ip link set dev br0 xdpgeneric obj "$WORK/xdp.o" sec xdp/map
	expect 1 "xdp-unfinished warning host br0"
}

@test "audit: a packet socket is a finding if it does not see which checksums are unfinished" {
	command -v perl >/dev/null || skip "no perl"
	local tcpdump
	in_ns c1 timeout 60 tcpdump -Uni eth0 -w "$WORK/pcap" 2>"$WORK/tcpdump" 3>&- &
	tcpdump=$!
	wait_for "grep -q listening $WORK/tcpdump"
	expect 0
	kill "$tcpdump"
	start_reader r eth0 sniffer
	expect 0 "packet-socket-unfinished note r eth0"
	jq -r '.findings[0].why' "$WORK/out" | grep -qE '^sniffer \(pid [0-9]+\) reads eth0 .* cali1 of host'
	start_reader c2 eth0 dhclient
	expect 1 "packet-socket-unfinished warning c2 eth0" "packet-socket-unfinished note r eth0"
	host ethtool -K v2 tx off
	host ethtool -K cali1 tx off
	expect 0
}

@test "audit: damaged packets that arrived, and packets that conntrack found invalid" {
	in_ns c1 nft 'add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in ct state invalid counter' || skip "no conntrack"
	# A virtual device would leave checksums unfinished, and nothing would notice the damage.
	in_ns c2 ethtool -K eth0 tx off
	in_ns c1 ethtool -K eth0 tx off
	in_ns c3 ethtool -K eth0 tx off
	host "$TRUESUM" corrupt --netns c2 --dev eth0 --count 5 --for 10s >"$WORK/corrupt" 2>&1 3>&- &
	wait_for "in_ns c2 tc filter show dev eth0 egress | grep -q bpf"
	# shellcheck disable=SC2016 # n is the inner shell's
	in_ns c2 bash -c 'for n in {1..9}; do echo "datagram $n" >/dev/udp/172.18.0.11/6000; done'
	wait $!
	in_ns c1 sysctl -qw net.netfilter.nf_conntrack_checksum=1
	audit
	found
	grep -qx "checksum-errors warning c1 -" <(found)
	grep -qx "conntrack-invalid note c1 -" <(found)
	[ "$(jq '.namespaces[] | select(.name == "c1") | .counters.udp_in_csum_errors' "$WORK/out")" = 5 ]
	jq -r '.findings[0].why' "$WORK/out" | grep -q '^5 UDP packets with a wrong checksum, of '
	[ "$status" = 1 ]
}

@test "audit: a VXLAN without outer checksums is a note, one with them is none" {
	host ip link add vx0 type vxlan id 4 dstport 4789 local 172.18.0.1 udpcsum
	expect 0
	host ip link delete vx0
	host ip link add vx0 type vxlan id 4 dstport 4789 local 172.18.0.1 noudpcsum
	expect 0 "vxlan-zero-checksum note host vx0"
	[ "$(jq -r '.namespaces[0].devices[] | select(.name == "vx0") | .tunnel_over' "$WORK/out")" = br0 ]
}

@test "audit: attached programs are listed with their names" {
	make_xdp
	host tc qdisc add dev v1 clsact
	host tc filter add dev v1 ingress bpf da obj "$WORK/xdp.o" sec xdp/pass
	host tc filter add dev v1 egress u32 match ip dport 9 0xffff flowid 1:1
	audit
	jq -e '.namespaces[0].devices[] | select(.name == "v1") | .tc | map([.hook, .name, .id != null]) ==
		[["tc ingress", "pass", true], ["tc egress", "u32", false]]' "$WORK/out"
	run -0 host "$TRUESUM" audit
	grep -qE '─v1 .* tc ingress:pass tc egress:u32' <<<"$output"
}

@test "audit --baseline: written once, then compared; changes after a rebuild are drift, in both directions" {
	in_ns c1 ethtool -K eth0 tx off
	run -0 host "$TRUESUM" audit --baseline "$WORK/base"
	grep -qF "Baseline written to $WORK/base." <<<"$output"
	cp "$WORK/base" "$WORK/former"
	audit --baseline "$WORK/base"
	[ "$status" = 0 ]
	[ -z "$(drift)" ]
	# The container is rebuilt: another namespace, another veth, the same name.
	host ip netns delete c1
	wait_for "! host ip link show v1 >/dev/null 2>&1"
	host ip netns add c1
	host ip link add vnew type veth peer name eth0 netns c1
	host ip link set vnew master br0 up
	in_ns c2 ethtool -K eth0 tx off
	in_ns c3 sysctl -qw net.ipv4.ip_forward=1
	host tc qdisc add dev cali1 clsact
	host tc filter add dev cali1 ingress u32 match ip dport 9 0xffff flowid 1:1
	audit --baseline "$WORK/base"
	drift
	[ "$status" = 1 ]
	grep -qx "c1 eth0 tx-checksum-ip-generic: off on" <(drift)
	grep -qx "c2 eth0 tx-checksum-ip-generic: on off" <(drift)
	grep -qx "c3 - net.ipv4.ip_forward: 0 1" <(drift)
	grep -qx "host veth to r:eth0 tc ingress u32: gone there" <(drift)
	run drift
	run ! grep -E 'vnew|veth to c1' <<<"$output"
	[ "$(jq -r .verdict "$WORK/out")" = drift ]
	run -1 host "$TRUESUM" audit --baseline "$WORK/base"
	grep -qx "  c1 eth0: tx-checksum-ip-generic was off, is on" <<<"$output"
	cmp "$WORK/base" "$WORK/former"
}

@test "audit --baseline: a file that is no baseline is refused in one line, exit 2, and not changed" {
	host "$TRUESUM" audit --baseline "$WORK/good" >/dev/null
	: >"$WORK/empty"
	head -c 300 "$WORK/good" >"$WORK/cut"
	head -c 100000 /dev/urandom >"$WORK/random"
	jq '.format = 2' "$WORK/good" >"$WORK/newer"
	jq '.namespaces[0].devices[0].active = [1]' "$WORK/good" >"$WORK/type"
	jq '.namespaces[0].devices[0].name = "\u001b[2J"' "$WORK/good" >"$WORK/escape"
	jq '.namespaces[0].extra = 1' "$WORK/good" >"$WORK/extra"
	jq '.namespaces = {}' "$WORK/good" >"$WORK/object"
	sed 's/"kernel"/"truesum": "audit baseline", "kernel"/' "$WORK/good" >"$WORK/twice"
	head -c 200000 /dev/zero | tr '\0' '[' >"$WORK/deep"
	mkfifo "$WORK/fifo"
	mkdir "$WORK/directory"
	local file
	for file in empty cut random newer type escape extra object twice deep fifo directory; do
		run timeout 10 "${IN_HOST[@]}" "$TRUESUM" audit --baseline "$WORK/$file"
		echo "$file: $output"
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
		[[ $output == "truesum audit: $WORK/$file is not a baseline"* ]]
		[[ $output != *$'\x1b'* ]]
	done
	run host "$TRUESUM" audit --baseline "$WORK/none/base"
	echo "$output"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 1 ]
}

@test "audit --dot: a graph that Graphviz reads, with any device names" {
	host ip link add 'a"b\c' type dummy 2>/dev/null || host ip link add 'a"b\c' type bridge
	run -0 host "$TRUESUM" audit --dot
	echo "$output"
	[ "${lines[0]}" = "graph truesum {" ]
	grep -qF 'label="a\"b\\x5cc\n' <<<"$output"
	# Every edge joins two nodes of the graph.
	grep -oE '^	n[0-9]+ -- n[0-9]+' <<<"$output" | grep -oE 'n[0-9]+' | sort -u >"$WORK/edges"
	grep -oE '^		n[0-9]+ ' <<<"$output" | tr -d '\t ' | sort -u >"$WORK/nodes"
	[ -s "$WORK/edges" ]
	[ -z "$(comm -23 "$WORK/edges" "$WORK/nodes")" ]
	[ "$(tr -cd '{' <<<"$output" | wc -c)" = "$(tr -cd '}' <<<"$output" | wc -c)" ]
	if command -v dot >/dev/null; then
		dot -Tsvg <<<"$output" >/dev/null
	fi
}

@test "audit: names cannot do harm when they are printed" {
	host ip link add $'x\x1b[31m;$(id)' type bridge
	run -0 host "$TRUESUM" audit
	echo "$output"
	[[ $output != *$'\x1b'* ]]
	# shellcheck disable=SC2016 # not to be expanded
	[[ $output == *'x\x1b[31m;$(id)'* ]]
	audit
	jq -e '.namespaces[0].devices | map(.name) | index("x\\x1b[31m;$(id)")' "$WORK/out"
}

@test "audit --json: every key is in its table, and no other" {
	make_xdp
	host ip link set dev v1 xdp obj "$WORK/xdp.o" sec xdp/pass
	host "$TRUESUM" audit --baseline "$WORK/base" >/dev/null
	in_ns c1 ethtool -K eth0 tx off
	audit --baseline "$WORK/base"
	"$TOP/tools/json-keys" check --all "$TOP/src/cmd/audit/audit.keys" <"$WORK/out"
}

@test "audit: when it prints, it has given up all capabilities but the one that writes a baseline" {
	local pid
	# It waits where it prints: the pipe is full.
	mkfifo "$WORK/full"
	exec 7<>"$WORK/full"
	head -c 65536 /dev/zero >&7
	"${IN_HOST[@]}" "$TRUESUM" audit --json >&7 3>&- &
	wait_for "pgrep -P $! >$WORK/pid"
	pid=$(cat "$WORK/pid")
	wait_for "grep -q '^CapEff:.*0000000000000002\$' /proc/$pid/status"
	grep -E '^Cap(Prm|Bnd|Eff):' "/proc/$pid/status" >"$WORK/caps"
	kill "$pid"
	cat "$WORK/caps"
	[ "$(grep -c '0000000000000002$' "$WORK/caps")" = 3 ] # CAP_DAC_OVERRIDE
}

@test "audit: without privilege it shows its own namespace and what it could not see, exit 3" {
	local program=$WORK/truesum
	install -m 755 "$TRUESUM" "$program"
	chmod a+rx "$WORK" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
	run host setpriv --reuid 65534 --regid 65534 --clear-groups "$program" audit
	echo "$output"
	[[ $output != *"Permission denied"* ]] || skip "the program is out of nobody's reach"
	[ "$status" = 3 ]
	[[ ${lines[0]} == "Nothing wrong found in what could be seen."*" 1 namespace,"* ]]
	[[ ${lines[1]} == "Not seen: other namespaces"*"run as root"* ]]
	grep -qE '─br0 ' <<<"$output"
}

@test "audit: 1,000 containers on one bridge: few lines, in time; --all shows each" {
	# shellcheck disable=SC2016 # expands in the inner shell
	host bash -euc 'for n in $(seq 4 1000); do echo "netns add c$n"; done | ip -batch -
		for n in $(seq 4 1000); do
			echo "link add v$n type veth peer name eth0 netns c$n"
			echo "link set v$n master br0 up"
		done | ip -batch -'
	local start=$EPOCHREALTIME spent
	run -0 host "$TRUESUM" audit
	spent=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	echo "$output"
	echo "# 1,002 namespaces in $spent ms" >&3
	[ "${#lines[@]}" -lt 25 ]
	grep -qE 'and 99[0-9] more like these' <<<"$output"
	# The wall clock says little if the machine is busy, so CPU time is checked, too.
	[ "$spent" -lt 10000 ]
	TIMEFORMAT='%U %S'
	{ time "${IN_HOST[@]}" "$TRUESUM" audit >/dev/null; } 2>"$WORK/time"
	cat "$WORK/time"
	awk '{ exit !($1 + $2 < 2) }' "$WORK/time"
	[ "$(host "$TRUESUM" audit --all | wc -l)" -gt 2000 ]
}

@test "audit: iptables rules count as NAT rules, a table without rules does not" {
	local command
	host sysctl -qw net.netfilter.nf_conntrack_checksum=0 || skip "no conntrack"
	for command in iptables-legacy ip6tables-legacy iptables-nft; do
		host "$command" -t nat -L -n >/dev/null 2>&1 || continue
		expect 0
		host "$command" -t nat -A POSTROUTING -j MASQUERADE
		expect 1 "conntrack-unchecked warning host -"
		host "$command" -t nat -F
	done
	[ -n "$status" ] || skip "no iptables"
}

@test "audit: a real Docker host gives no finding, its containers have their names" {
	# Debian's engine, unpacked: if it were installed, it would start on the machine itself.
	local engine=$BATS_TEST_DIRNAME/../../build/engine said
	said=$("$BATS_TEST_DIRNAME/../tools/fetch_engine" "$engine" 2>&1) || skip "no Docker: $(tail -n 1 <<<"$said")"
	PATH=$engine/root/usr/bin:$engine/root/usr/sbin:$PATH
	LD_LIBRARY_PATH=$(echo "$engine"/root/usr/lib/*-linux-gnu):$(echo "$engine"/root/lib/*-linux-gnu)
	export LD_LIBRARY_PATH
	command -v busybox >/dev/null || skip "no busybox"
	local docker=(docker -H unix:///run/docker.sock)
	# The engine writes a key there.
	[ ! -d /etc/docker ] || host mount -t tmpfs tsum-test /etc/docker
	"${IN_HOST[@]}" dockerd --data-root /run/data --exec-root /run/exec --pidfile /run/docker.pid \
		-H unix:///run/docker.sock --storage-driver vfs >"$WORK/dockerd" 2>&1 3>&- &
	# shellcheck disable=SC2016 # expands when tried
	wait_for 'host "${docker[@]}" info >/dev/null 2>&1' || { tail -3 "$WORK/dockerd"; skip "dockerd does not start here"; }
	mkdir -p "$WORK/root/bin"
	cp "$(command -v busybox)" "$WORK/root/bin/sleep"
	tar -C "$WORK/root" -c . | host "${docker[@]}" import - tsum-test >/dev/null
	host "${docker[@]}" run -d --name web -p 8080:80 tsum-test /bin/sleep 100 ||
		skip "Docker starts no container here"
	host "${docker[@]}" network create --ipv6 --subnet fd77::/64 six
	host "${docker[@]}" run -d --name db --network six tsum-test /bin/sleep 100
	expect 0
	jq -e '[.namespaces[] | select(.name == "web" or .name == "db")] | length == 2 and all(.container != null)' "$WORK/out"
	host sysctl -qw net.netfilter.nf_conntrack_checksum=0
	expect 1 "conntrack-unchecked warning host -"
	remedy_cures
	# The container is rebuilt: another id, another veth, but nothing that matters has changed.
	audit --baseline "$WORK/base"
	host "${docker[@]}" rm -f web
	host "${docker[@]}" run -d --name web -p 8080:80 tsum-test /bin/sleep 100
	audit --baseline "$WORK/base"
	[ "$status" = 0 ]
	[ "$(jq .baseline.new_devices "$WORK/out")" = 0 ]
	# Containers have control groups outside of these namespaces: remove them.
	host "${docker[@]}" rm -f web db
	# shellcheck disable=SC2016 # expands in the inner shell
	host sh -c 'kill "$(cat /run/docker.pid)"'
	wait_for "host test ! -e /run/docker.pid"
}
