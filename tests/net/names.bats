#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Names and paths that a tenant chooses: every command and every form of output over a host full of
# hostile names, and ways to namespaces that are something else. docs/security.md has the claims.
# shellcheck disable=SC2016 # the scripts expand in the world, not here

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/names_world.bash
source "$BATS_TEST_DIRNAME/names_world.bash"

TOOLS=$(dirname "$TRUESUM")/tools
RUNS=${RUNS:-30} # of the race between looking and opening

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m -p -f --mount-proc true 2>/dev/null || skip "needs network, mount and PID namespaces"
	start_guard_world 300
}

hostile() {
	world bash -euc '. "$0"; hostile_world "$1"' "$NAMES_FILE" "$TOOLS/mark" >"$WORK/built" 2>&1 3>&- ||
		{ cat "$WORK/built"; return 1; }
}

# run_one NAME EXIT... -- ARG...: truesum's output and messages go to $WORK/NAME.out and .err
run_one() {
	local name=$1 allowed=" "
	shift
	while [ "$1" != -- ]; do
		allowed+="$1 "
		shift
	done
	shift
	status=0
	world timeout -k 1 20 "$TRUESUM" "$@" >"$WORK/$name.out" 2>"$WORK/$name.err" </dev/null || status=$?
	[[ $allowed == *" $status "* ]] || { echo "$*: exit code $status"; cat -v "$WORK/$name.err"; return 1; }
	clean_text "$WORK/$name.out"
	clean_text "$WORK/$name.err"
}

# names_in FILTER FILE: each container's name is among the strings that the filter yields
names_in() {
	local i name
	jq -r "$1" "$2" >"$WORK/strings"
	for ((i = 0; i < COUNT; i++)); do
		name=$(name_of "$i"; printf .)
		grep -qxF -- "$(shown "${name%.}")" "$WORK/strings" || { echo "$2 lacks $(shown "${name%.}")"; return 1; }
	done
}

# no_name_in FILE: none of the names is there, as it is or as it is shown; the shortest mean nothing
no_name_in() {
	local i name
	for ((i = 0; i < COUNT; i++)); do
		name=$(name_of "$i"; printf .) name=${name%.}
		if ((${#name} <= 4)) || ! [[ $name =~ [^\ ] ]]; then
			continue
		fi
		! grep -qF -- "$(shown "$name")" "$1" || { echo "$1 has $(shown "$name")"; return 1; }
		! grep -qF -- "$(jq -Rsc . <<<"$(shown "$name")" | sed 's/^"//; s/\\n"$//')" "$1" ||
			{ echo "$1 has $(shown "$name") in a string"; return 1; }
	done
}

devices_in() {
	local i
	jq -r "$1" "$2" >"$WORK/strings"
	for ((i = 0; i < COUNT; i++)); do
		grep -qxF -- "$(shown "$(device_of "$i")")" "$WORK/strings" || { echo "$2 lacks device $i"; return 1; }
	done
}

# advised PATTERN FILE: the lines with advice, each run by a shell in which every program only
# prints its arguments as `printf %q` writes them
advised() {
	grep -oP "$1" "$2" | while IFS= read -r line; do
		env -i LC_ALL=C PATH=/nowhere "$BASH" --norc -c '
			ip() { printf "%q " ip "$@"; echo; }
			ethtool() { printf "%q " ethtool "$@"; echo; }
			nsenter() { printf "%q " nsenter "$@"; echo; }
			tc() { printf "%q " tc "$@"; echo; }
			sysctl() { printf "%q " sysctl "$@"; echo; }
			eval "$1"' - "$line" || echo "FAILED: $line"
	done
}

@test "names: every command and form of output, over a host full of hostile names" {
	local name
	hostile
	# ---- probe ----
	run_one probe.text 1 -- probe
	run_one probe.json 1 -- probe --json
	run_one probe.tap 1 -- probe --kselftest
	run_one probe.plan 0 -- probe --dry-run
	jq -e . "$WORK/probe.json.out" >/dev/null
	names_in '.targets[].name' "$WORK/probe.json.out"
	devices_in '.targets[].interfaces[].name' "$WORK/probe.json.out"
	# Nobody forges a line of the TAP: as many as planned, and none skips itself.
	[ "$(grep -cE '^(not )?ok [0-9]+ [^ ]+ [^ ]+ ipv[46] (in|out)( # SKIP |$)' "$WORK/probe.tap.out")" = \
		"$(sed -n 's/^1\.\.//p' "$WORK/probe.tap.out")" ]
	# ---- audit ----
	run_one audit.text 0 1 -- audit --all
	run_one audit.json 0 1 -- audit --json
	run_one audit.dot 0 1 -- audit --dot
	run_one audit.baseline 0 1 -- audit --json --baseline /run/baseline
	run_one audit.again 0 1 -- audit --json --baseline /run/baseline
	[ "$(jq -c .drift "$WORK/audit.again.out")" = "[]" ]
	names_in '.namespaces[].name' "$WORK/audit.json.out"
	devices_in '.namespaces[].devices[].name' "$WORK/audit.json.out"
	if command -v dot >/dev/null; then dot -Tsvg "$WORK/audit.dot.out" >/dev/null; fi
	# Outside of quotes there are only our own words.
	sed -E 's/"([^"\\]|\\.)*"//g' "$WORK/audit.dot.out" >"$WORK/unquoted"
	! LC_ALL=C grep -v '^[][a-zA-Z0-9_ =#.;{}	-]*$' "$WORK/unquoted" || return 1
	# ---- report: labels, or the names if that is wanted ----
	run_one report.text 0 3 -- report
	run_one report.json 0 3 -- report --json
	run_one report.probe 0 3 -- report --probe
	run_one report.real 0 3 -- report --json --addresses
	run_one report.real.text 0 3 -- report --addresses
	names_in '.namespaces[].members[]' "$WORK/report.real.out"
	devices_in '.devices[].members[].name' "$WORK/report.real.out"
	for name in text json probe; do
		no_name_in "$WORK/report.$name.out"
	done
	! awk 'length > 76' "$WORK"/report.{text,probe,real.text}.out | grep . || return 1
	# ---- guard ----
	run_one guard.plan 0 -- guard apply --dry-run
	run_one guard.apply 0 1 -- guard apply --json
	names_in '.targets[].name' "$WORK/guard.apply.out"
	devices_in '.targets[].devices[]' "$WORK/guard.apply.out"
	run_one guard.apply.text 0 1 -- guard apply
	run_one guard.status 0 1 -- guard status
	run_one guard.status.json 0 1 -- guard status --json
	names_in '.changes[].where' "$WORK/guard.status.json.out"
	devices_in '.changes[].device' "$WORK/guard.status.json.out"
	run_one guard.run.plan 0 -- guard run --dry-run
	run_one guard.revert.plan 0 -- guard revert --dry-run
	start daemon "$TRUESUM" guard run --json --mitigation reset
	wait_for "grep -q ready '$WORK/daemon.out' '$WORK/daemon.err'"
	start speaker "$TRUESUM" guard run --mitigation reset
	wait_for "grep -q another '$WORK/speaker.err'" # only one may run
	wait_for "[ \$(grep -c taken-off\\|restored\\|protected '$WORK/daemon.out') -gt 3 ]" || true
	stop daemon
	jq -es . "$WORK/daemon.out" >/dev/null
	clean_text "$WORK/daemon.out"
	run_one guard.revert 0 -- guard revert --json
	jq -e . "$WORK/guard.revert.out" "$WORK/guard.status.json.out" >/dev/null
	start daemon "$TRUESUM" guard run --mitigation reset
	sleep 1
	stop daemon
	clean_text "$WORK/daemon.err"
	run_one guard.revert.text 0 -- guard revert
	run_one clean 0 -- clean
	# ---- With findings about each of them ----
	world bash -euc '. "$0"; rx_off' "$NAMES_FILE"
	run_one findings.text 0 1 -- audit --all
	run_one findings.json 0 1 -- audit --json
	run_one findings.dot 0 1 -- audit --dot
	devices_in '.findings[].device' "$WORK/findings.json.out"
	names_in '.findings[].namespace' "$WORK/findings.json.out"
}

@test "names: a shell reads every advised command as it was meant" {
	local i device
	hostile
	[ -x "$TOOLS/mark" ] || skip "needs make toolbox"
	run_one probe.text 1 -- probe
	advised '^    \K.*(ethtool -K|tc filter show).*' "$WORK/probe.text.out" >"$WORK/advised"
	! grep -F FAILED "$WORK/advised" || return 1
	# truesum names 20 targets at length.
	[ "$(grep -c '^nsenter -t [0-9]* -n ethtool -K ' "$WORK/advised")" = 20 ]
	for ((i = 0; i < 16; i++)); do
		device=$(LC_ALL=C printf %q "$(device_of "$i")")
		grep -qF -- " -n ethtool -K $device rx off " "$WORK/advised" || { echo "no $device"; cat "$WORK/advised"; return 1; }
		grep -qxF -- "tc filter show dev $device egress " "$WORK/advised"
	done
	world bash -euc '. "$0"; rx_off' "$NAMES_FILE"
	run_one audit.text 0 1 -- audit --all
	advised '^  do     \K.*(ethtool|sysctl).*' "$WORK/audit.text.out" >"$WORK/advised"
	! grep -F FAILED "$WORK/advised" || return 1
	for ((i = 0; i < 16; i++)); do
		device=$(LC_ALL=C printf %q "$(device_of "$i")")
		grep -qxF -- "ip netns exec $(LC_ALL=C printf %q "$(name_of "$i")") ethtool -K $device rx on " "$WORK/advised" ||
			{ echo "no $device"; cat "$WORK/advised"; return 1; }
	done
}

@test "names: a name on the command line comes back escaped, in every message" {
	local name
	for name in $'\e]0;x\a' $'\xff' '$(id)' '<script>'; do
		run_one probe.netns 3 -- probe --netns "$name"
		grep -qF -- "$(shown "$name")" "$WORK/probe.netns.err"
		run_one probe.container 3 -- probe --container "$name"
		run_one probe.via 3 -- probe --via "$name"
		run_one corrupt 2 3 -- corrupt --dev "$name" --for 10ms
		run_one corrupt.netns 2 3 -- corrupt --netns "$name" --dev eth0 --for 10ms
		run_one baseline 2 3 -- audit --baseline "/nowhere/$name"
		run_one send 2 3 -- send "$name" 5555
		run_one recv 2 3 -- recv --bind "$name" 5555
		run_one pcap 2 3 -- pcap "$name"
		run_one option 2 -- "--$name"
		run_one command 2 -- "$name"
		run_one guard 2 -- guard "$name"
	done
}

# ---- Paths ---------------------------------------------------------------------------------------

# A kept record of namespace C, to which nothing leads in the ways that are tried first.
forget_way_to_C() {
	build routed
	world bash -euc '
		export CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS=/run/netns/C CNI_IFNAME=eth0
		echo "{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"type\": \"truesum\", \"mitigation\": \"rx-off\",
			\"prevResult\": {\"cniVersion\": \"1.0.0\", \"interfaces\": []}}" | "$TRUESUM" >/dev/null
		mkdir /run/tenant
		mkfifo /run/tenant/fifo
		touch /run/tenant/netns
		chmod -R a+rwX /run/tenant
		mount --bind /run/netns/C /run/tenant/netns'
}

@test "paths: no FIFO, socket or device is opened in place of a namespace" {
	local path
	build routed
	world bash -euc '
		mkdir /run/x; cd /run/x
		mkfifo fifo
		mknod null c 1 3
		mknod zero b 7 0
		ln -s /dev/ptmx ptmx
		ln -s fifo link
		ln -s loop loop
		touch file'
	start listener bash -c 'exec nc -lU /run/x/socket'
	wait_for "world test -S /run/x/socket"
	for path in fifo null zero ptmx link loop file socket . nothing; do
		run_one netns 2 3 -- probe --netns "/run/x/$path"
		run_one corrupt 2 3 -- corrupt --netns "/run/x/$path" --dev eth0 --for 10ms
		status=0
		world env CNI_COMMAND=ADD CNI_CONTAINERID=c CNI_NETNS=/run/x/$path CNI_IFNAME=eth0 timeout 10 "$TRUESUM" \
			>"$WORK/out" <<<'{"cniVersion": "1.0.0", "name": "n", "type": "truesum", "prevResult": {"interfaces": []}}' ||
			status=$?
		[ "$status" = 2 ] || [ "$status" = 3 ]
		jq -e '.code | type == "number"' "$WORK/out"
		# As a name that `ip netns` would have.
		world bash -c 'ln -sf "/run/x/$0" /run/netns/odd' "$path"
		run_one inventory 0 1 3 -- audit --json
		run_one named 2 3 -- probe --netns odd
		world rm -f /run/netns/odd
	done
	stop listener || true
}

@test "paths: a tenant's descriptors, FIFOs and devices among them, hold nobody up" {
	forget_way_to_C
	# What a process may hold: none of it is a namespace.
	start holder setpriv --reuid=65534 --regid=65534 --clear-groups bash -c '
		cd /run/tenant
		exec 3<>fifo 4</dev/null 5</dev/zero 6</dev/ptmx 7</dev/random
		exec sleep 100'
	run_one status 0 1 -- guard status
	world umount /run/netns/C
	run_one status 0 1 -- guard status
	world umount /run/tenant/netns
	run_one status 0 1 -- guard status
}

@test "paths: a FIFO that takes a namespace's place between looking and opening is not opened" {
	[ -x "$TOOLS/swap" ] || skip "needs make toolbox"
	forget_way_to_C
	world umount /run/netns/C
	# An ordinary user, who keeps the only way to the namespace, and swaps it for a FIFO.
	start swap setpriv --reuid=65534 --regid=65534 --clear-groups "$TOOLS/swap" /run/tenant/netns /run/tenant/fifo 240
	wait_for "grep -q ready '$WORK/swap.out'"
	world umount -l /run/tenant/netns
	for _ in $(seq "$RUNS"); do
		run_one status 0 1 -- guard status
	done
	stop swap
	cat "$WORK/swap.out"
	grep -q '^0 opened, [1-9]' "$WORK/swap.out"
}
