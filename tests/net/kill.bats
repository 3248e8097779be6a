#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL, SIGTERM and SIGINT at random moments: the host must be the same afterwards. After SIGTERM
# and SIGINT the process itself leaves nothing. After SIGKILL `truesum clean` or the next run undoes
# the rest; `guard revert` does so if the changes are guard's. kill_world.bash has the cases.
# KILLS: how often each signal is sent in each case (make kill: 200).
# SEED: of the random moments.

KILLS=${KILLS:-5}
TRUESUM=$(realpath "${TRUESUM:-build/truesum}")
export TRUESUM

# The longest first. They mostly wait: several run at a time.
CASES=(cost lab-live lab lab-nc apply via-vxlan revert corrupt corrupt-ingress via-bridge via-veth probe litter)
AT_A_TIME=4

needs() {
	[ "$(id -u)" = 0 ] || { echo "needs root" && return 1; }
	unshare -n -m -p -f --mount-proc true 2>/dev/null ||
		{ echo "needs network, mount and PID namespaces" && return 1; }
	command -v setpriv >/dev/null || { echo "needs setpriv (util-linux)" && return 1; }
}

# Each case has its output in a file of its name, and its exit code beside it.
run_case() {
	local code=0
	"$BATS_TEST_DIRNAME/kill_world.bash" "$1" "$KILLS" "$SEED" >"$BATS_FILE_TMPDIR/$1" 2>&1 || code=$?
	echo "$code" >"$BATS_FILE_TMPDIR/$1.ends"
	mv "$BATS_FILE_TMPDIR/$1.ends" "$BATS_FILE_TMPDIR/$1.code"
}

setup_file() {
	needs >/dev/null || return 0
	export BATS_TEST_DIRNAME KILLS SEED=${SEED:-$((RANDOM + 1))}
	export -f run_case
	command -v bpftool >/dev/null || PATH=$PATH:/usr/sbin
	printf '%s\n' "${CASES[@]}" | xargs -P "$AT_A_TIME" -I{} bash -c "run_case {}" >/dev/null 2>&1 3>&- &
}

setup() {
	local why
	why=$(needs) || skip "$why"
}

# ended CASE: waits for it
ended() {
	until [ -e "$BATS_FILE_TMPDIR/$1.code" ]; do sleep 0.1; done
	echo "SEED=$SEED KILLS=$KILLS"
	cat "$BATS_FILE_TMPDIR/$1"
	tail -n 3 "$BATS_FILE_TMPDIR/$1" | sed 's/^/# /' >&3
	[ "$(cat "$BATS_FILE_TMPDIR/$1.code")" = 0 ]
}

@test "ended at random moments: guard cost" { ended cost; }
@test "ended at random moments: lab --live" { ended lab-live; }
@test "ended at random moments: lab" { ended lab; }
@test "ended at random moments: lab --server nc" { ended lab-nc; }
@test "ended at random moments: guard apply" { ended apply; }
@test "ended at random moments: probe --via a VXLAN device" { ended via-vxlan; }
@test "ended at random moments: guard revert" { ended revert; }
@test "ended at random moments: corrupt at egress" { ended corrupt; }
@test "ended at random moments: corrupt at ingress" { ended corrupt-ingress; }
@test "ended at random moments: probe --via a bridge" { ended via-bridge; }
@test "ended at random moments: probe --via a veth" { ended via-veth; }
@test "ended at random moments: probe" { ended probe; }

@test "a program that does leave something behind is noticed" {
	run ended litter 3>/dev/null
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"the world cannot be restored"* ]]
}

@test "what is left behind is noticed, whatever it is" {
	"$BATS_TEST_DIRNAME/kill_world.bash" notices
}
