# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For kill.bats: runs one command again and again in a world of its own (probe_world.bash), ends it
# by signals at random moments, and compares the whole state of the world with what it was before.
#
#     kill_world.bash CASE COUNT SEED     COUNT times each signal; or: kill_world.bash notices
#
# TRUESUM is the program. Works in fresh network, mount and PID namespaces.
#
# Our BPF programs and processes are told from those of everybody else on the machine by their user
# id, which the kernel notes: truesum runs with an id that nobody has, and with root's capabilities.

# Only in a PID namespace of its own a script has number 1.
[ $$ = 1 ] || exec unshare -n -m -p -f --kill-child --mount-proc bash "${BASH_SOURCE[0]}" "$@"

set -u
# shellcheck source=tests/net/probe_world.bash
source "${BASH_SOURCE[0]%/*}/probe_world.bash"

SELF=/run/kill # what this script needs: nothing that truesum wrote
patience=200 # how often to look whether everything has ended, 20 times a second

# ---- The cases -----------------------------------------------------------------------------------

# For each case: how the world is built, what runs, what runs before it, and what restores the world
# after SIGKILL (and after the other signals, if the command changes the host on purpose).
topology=routed
prepare=()
restore=(clean)
on_purpose= # a whole run leaves changes
records= # after SIGKILL the next run restores the world
latest_ms=60000 # no moment is later; few runs cannot cover a long command
choose() {
	case $1 in
	probe) run=(probe -n C) ;;
	via-veth) records=yes run=(probe -n C --via v0) ;;
	via-bridge) records=yes topology=bridge run=(probe -n C --via br0) ;;
	via-vxlan) records=yes topology=routed_by_vxlan run=(probe -n C --via vx0) ;;
	apply) on_purpose=yes restore=(guard revert) run=(guard apply -n C) ;;
	revert)
		prepare=(guard apply -n C --mitigation "rx-off,reset")
		restore=(guard revert) run=(guard revert)
		;;
	cost)
		(($2 > 50)) || latest_ms=500
		run=(guard cost --pairs 8)
		;;
	corrupt) records=yes run=(corrupt --dev v0 --for 200ms) ;;
	corrupt-ingress) records=yes run=(corrupt --dev v0 --direction ingress --for 200ms) ;;
	lab) run=(lab --family 4 -t "bare,nested,l2bridge,local,nat,mesos,vxlan,conntrack-drop") ;;
	lab-live) run=(lab --live=bare --family 4 --pace quick) ;;
	lab-nc) run=(lab --server nc --family 4 -t "bare,nat") ;;
	litter) program=(bash) run=(-c "trap 'ip link add tsum9 type veth peer name tsum8; exit' TERM; sleep 0.2 & wait") ;;
	notices) ;;
	*) echo "no case '$1'" && return 1 ;;
	esac
}

# What a run may leave behind, and how it is removed: `notices` tries whether that is seen.
litter=(
	"ip link add tsum9 type veth peer name tsum8|ip link del tsum9"
	"ip addr add 203.0.113.9/32 dev v0|ip addr del 203.0.113.9/32 dev v0"
	"ip route add 203.0.113.0/24 dev v0 table 9|ip route flush table 9"
	"ip -6 route add 2001:db8::/32 dev v0|ip -6 route del 2001:db8::/32 dev v0"
	"ip rule add priority 9 table 9|ip rule del priority 9"
	"ip -6 rule add priority 9 table 9|ip -6 rule del priority 9"
	"ip -n C neigh add 203.0.113.9 lladdr 02:00:00:00:00:09 dev eth0|ip -n C neigh del 203.0.113.9 dev eth0"
	"ip neigh add proxy 203.0.113.9 dev v0|ip neigh del proxy 203.0.113.9 dev v0"
	"command bridge fdb add 02:00:00:00:00:09 dev v0|command bridge fdb del 02:00:00:00:00:09 dev v0"
	"tc qdisc add dev v0 clsact|true"
	"tc filter add dev v0 egress u32 match u32 0 0|tc qdisc del dev v0 clsact"
	"nft add table inet tsum9|nft delete table inet tsum9"
	"sysctl -qw net.ipv4.conf.v0.rp_filter=2|sysctl -qw net.ipv4.conf.v0.rp_filter=0"
	"ip netns exec C ethtool -K eth0 rx off|ip netns exec C ethtool -K eth0 rx on"
	"touch /var/tmp/tsum9|rm /var/tmp/tsum9"
	"mkdir -p /run/truesum; touch /run/truesum/9.journal|rm -r /run/truesum"
	"mount -t tmpfs tsum9 /mnt|umount /mnt"
)

notices() {
	local row failed=0
	settle
	for row in "${litter[@]}"; do
		eval "${row%|*}"
		! same "$SELF/before" >/dev/null || { echo "was not noticed: $row" && failed=1; }
		eval "${row#*|}"
	done
	same "$SELF/before" || failed=1
	patience=1
	(ours sleep 20) &
	sleep 0.2
	! gone processes >/dev/null || { echo "a process was not noticed" && failed=1; }
	kill $!
	return $failed
}

routed_by_vxlan() {
	routed
	vxlan on 4
}

# ---- Running -------------------------------------------------------------------------------------

# All capabilities that we have, as setpriv wants them.
capabilities() {
	local number=0 name has
	has=$((16#$(awk '/^CapPrm/ { print $2 }' /proc/self/status)))
	printf -- -all
	for name in $(setpriv --list-caps); do
		((has >> number++ & 1)) && printf ",+%s" "$name"
	done
}

# ours COMMAND...: with our user id. SIGINT is not ignored, as it would be in the background of a
# script.
OWN_ID=$((1000000000 + $(date +%s%N) / 1000 % 900000000))
CAPABILITIES=$(capabilities)
program=("$SELF/truesum")
ours() {
	exec setpriv --reuid "$OWN_ID" --clear-groups --inh-caps "$CAPABILITIES" --ambient-caps "$CAPABILITIES" \
		env --default-signal=INT,QUIT "$@"
}
truesum() { (ours "$SELF/truesum" "$@"); }

# One run that nobody disturbs; sets $whole_ms to its time.
run_whole() {
	local began=${EPOCHREALTIME/./}
	code=0
	(ours "${program[@]}" "${run[@]}") >"$SELF/out" 2>&1 </dev/null || code=$?
	whole_ms=$(((${EPOCHREALTIME/./} - began) / 1000))
	((whole_ms <= latest_ms)) || whole_ms=$latest_ms
}

# Sends the signal at a random moment of the run; sets $code to the exit code.
run_and_signal() {
	local pid us=$((RANDOM * 32768 + RANDOM))
	((us %= whole_ms * 1050 + 1))
	ours "${program[@]}" "${run[@]}" >"$SELF/out" 2>&1 </dev/null &
	pid=$!
	sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
	kill -s "$1" $pid 2>/dev/null
	wait $pid 2>/dev/null
	code=$?
	moment="after $((us / 1000)) ms of $whole_ms, exit code $code"
}

# ---- Comparing -----------------------------------------------------------------------------------

# The kernel's own memory of whom it talked to comes and goes; what stays until someone removes it,
# or belongs to the probe's addresses, counts. The state of a neighbour changes by itself.
# One that did not answer is the kernel's own note, which it forgets later.
lasting_neighbours() {
	ip neigh show nud all | grep -E "PERMANENT|NOARP|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:" |
		grep -vE "(INCOMPLETE|FAILED|ff02::|lladdr 33:33:|lladdr 01:00:5e:|lladdr 00:00:00:00:00:00 NOARP)" | sort
	ip neigh show proxy
	command bridge fdb show | grep -vE "^(33:33:|01:00:5e:)" | sort
}

tc_commands() {
	local dev
	for dev in "$@"; do
		echo "filter show dev $dev ingress"
		echo "filter show dev $dev egress"
	done
}

# Everything in the current network namespace that a run could leave behind.
space_state() {
	local dev devices=()
	for dev in /proc/sys/net/ipv4/conf/*/; do
		dev=$(basename "$dev")
		[ "$dev" = all ] || [ "$dev" = default ] || devices+=("$dev")
	done
	ip -d -o link | sed -E 's/[a-z_]+_timer +[0-9.]+//g'
	ip -o addr
	ip route show table all
	ip -6 route show table all
	ip rule
	ip -6 rule
	lasting_neighbours
	tc qdisc show
	tc_commands "${devices[@]}" | tc -force -batch - 2>&1 | sed "s/ id [0-9]* name / name /"
	nft list ruleset 2>/dev/null
	for dev in "${devices[@]}"; do ethtool -k "$dev"; done
	grep -rs . /proc/sys/net | grep -vE "/(nf_conntrack_count|ip_conntrack_count|nf_log.*|icmp_msgs_.*|stable_secret|neigh/[^:]*|route/flush):" | sort
}

state() {
	space_state
	echo "== C"
	nsenter --net=/run/netns/C bash -c "$(declare -f lasting_neighbours tc_commands space_state); space_state"
	echo "== files"
	grep -v " $SELF" /proc/self/mounts
	find /run /tmp /var/tmp /var/lib/truesum /dev/shm -path "$SELF" -prune -o \
		! -type d -print 2>/dev/null | sort
}

# Our programs and processes. The kernel removes programs in the background after their process has
# ended or their filter is gone.
programs() { bpftool prog show | grep -B 1 "uid $OWN_ID\$"; }
processes() { pgrep -a -U "$OWN_ID"; }

# gone LIST: waits until that list is empty
gone() {
	for _ in $(seq "$patience"); do
		[ -n "$("$1")" ] || return 0
		sleep 0.05
	done
	echo "$1 that are still there:"
	"$1"
	return 1
}

# same FILE: whether the world is as it was when FILE was written; else prints the difference.
same() {
	state >"$SELF/now"
	diff "$1" "$SELF/now" >"$SELF/difference" || { cat "$SELF/difference" && return 1; }
}

restored() {
	truesum "${restore[@]}" >"$SELF/restored" 2>&1 || { cat "$SELF/restored" && return 1; }
	same "$SELF/before" && gone programs
}

# ---- What is right -------------------------------------------------------------------------------

# Before each run. Sets $SELF/started, the state that a run which did nothing leaves.
begin() {
	cp "$SELF/before" "$SELF/started"
	[ ${#prepare[@]} = 0 ] && return
	truesum "${prepare[@]}" >"$SELF/out" 2>&1
	state >"$SELF/started"
	! cmp -s "$SELF/before" "$SELF/started" || { cat "$SELF/out" && echo "nothing was prepared" && return 1; }
}

# After SIGINT or SIGTERM: as if it had not run or, if it changes the host on purpose, as if it had
# finished.
ended_in_order() {
	gone processes || return 1
	same "$SELF/started" >"$SELF/said" || same "$SELF/finished" >/dev/null ||
		{ cat "$SELF/said" && return 1; }
	if cmp -s "$SELF/before" "$SELF/now"; then gone programs; else restored; fi
}

# After SIGKILL: `clean` restores the world, and each second time the next run does.
undone_after_kill() {
	gone processes || return 1
	if [ -n "$records" ] && (($1 % 2)); then
		run_whole
		same "$SELF/before" && gone programs
	else
		restored
	fi
}

# try_once SIGNAL NUMBER
try_once() {
	begin || return 1
	run_and_signal "$1"
	case $1 in
	KILL) undone_after_kill "$2" ;;
	*) ended_in_order ;;
	esac
}

make_world() {
	mkdir -p "$SELF"
	cp "$TRUESUM" "$SELF/truesum"
	local folder
	for folder in /tmp /var/tmp /var/lib; do mount -t tmpfs tsum-test "$folder"; done
	$topology
	[ -z "$on_purpose" ] || vouch_v0
}

# Until the world ends.
vouch_v0() {
	"$SELF/truesum" corrupt --dev v0 --direction egress --vouch >/dev/null 2>&1 &
	until tc filter show dev v0 egress | grep -q tsum_corrupt; do sleep 0.02; done
}

# Waits until devices that have just been set up have their carrier and their addresses.
settle() {
	state >"$SELF/before"
	for _ in $(seq 50); do
		sleep 0.1
		same "$SELF/before" >/dev/null && ! grep -qE "NO-CARRIER|tentative" "$SELF/now" && return
		mv "$SELF/now" "$SELF/before"
	done
}

# The first whole run lets the kernel load modules and meet its neighbours; after the second one the
# state is known that a run leaves.
learn() {
	settle
	run_whole
	truesum "${restore[@]}" >/dev/null 2>&1
	settle
	begin || return 1
	run_whole
	((code <= 1)) || { echo "a whole run: exit code $code" && return 1; }
	gone processes || return 1
	state >"$SELF/finished"
	if [ -n "$on_purpose" ]; then
		grep -q /run/truesum/guard/ "$SELF/finished" || { echo "a whole run changed nothing" && return 1; }
	else
		same "$SELF/before" || { echo "left by a whole run" && return 1; }
	fi
	restored
}

# The signals in turn, each COUNT times. Stops if the world cannot be restored any more.
try_all() {
	local number signal
	declare -gA failed=() sent=()
	for ((number = 0; number < $2; number++)); do
		for signal in KILL TERM INT; do
			((++sent[$signal]))
			try_once "$signal" "$number" >"$SELF/report" 2>&1 && continue
			((failed[$signal]++)) ||
				{ echo "$1, SIG$signal, run $number, $moment:" && cat "$SELF/report" "$SELF/out"; }
			truesum "${restore[@]}" >/dev/null 2>&1
			same "$SELF/before" >/dev/null || { echo "the world cannot be restored" && return; }
		done
	done
}

RANDOM=${3-1}
choose "$1" "${2-1}" || exit 1
host
make_world
[ "$1" != notices ] || { notices && exit; exit 1; }
learn || { cat "$SELF/out" && exit 1; }
try_all "$1" "$2"
for signal in KILL TERM INT; do
	echo "$1: ${sent[$signal]-0} times SIG$signal at random moments of $whole_ms ms, ${failed[$signal]-0} left something behind"
done
[ ${#failed[@]} = 0 ]
