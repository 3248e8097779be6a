#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The README's first ten minutes, run on a Docker host: each line of its examples is in what the
# program prints, in the same order, but for figures and the names that Docker makes up.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/net/guard_world.bash
source "$BATS_TEST_DIRNAME/guard_world.bash"
# shellcheck source=tests/net/docker_world.bash
source "$BATS_TEST_DIRNAME/docker_world.bash"
# shellcheck source=tests/skip.bash
source "$BATS_TEST_DIRNAME/../skip.bash"

README=$BATS_TEST_DIRNAME/../../README.md

setup_file() {
	local said
	said=$(fetch_engine) || skip_file "docker: $(tail -n 1 <<<"$said")"
}

# The README's host: its NIC is eth0; containers web and db.
setup() {
	skip_if_file_skips
	use_engine
	start_guard_world 120
	mount_for_containers || skip "docker: no cgroups or overlays here: $(tail -n 1 "$WORK/mounts")"
	world bash -ec '
		ip link set nic down
		ip link set nic name eth0
		ip link set eth0 up
		ip -6 addr add fd05::2/64 dev eth0 nodad
		ip route add default via 10.5.0.1
		ip -6 route add default via fd05::1'
	start_engine --ipv6 --fixed-cidr-v6 fd0d::/64 ||
		skip "docker: the engine does not start: $(tail -n 1 "$WORK/engine.err")"
	docker run -d --name web -p 8080:80 box /bin/sleep 120 >/dev/null 2>"$WORK/run.err" ||
		skip "docker: no container runs here: $(tail -n 1 "$WORK/run.err")"
	docker run -d --name db box /bin/sleep 120 >/dev/null
}

teardown() {
	end_world
	remove_groups
}

# Prints the commands of the README's examples: "# truesum probe" begins one.
examples() { sed -n 's/^# \(truesum .*\)/\1/p' "$README"; }

# example COMMAND: prints what the README says that it prints
example() {
	awk -v first="# $1" '/^```/ { on = 0 } on && $0 != "..." { print } $0 == first { on = 1 }' "$README"
}

# What differs from run to run becomes the same: versions, figures, ranges, names, blanks, lines of
# trees, and where a table's longest name makes it wider.
shape() {
	sed -E -e 's/Linux [0-9][^ ]*/Linux VERSION/g' -e 's/\bveth[0-9a-f]{7}\b/VETH/g' \
		-e 's/[0-9]+(-[0-9]+)?\/[0-9]+/N/g' -e 's/[0-9]+([.:][0-9]+)*/N/g' \
		-e 's/[ │├└─]+/ /g' -e 's/^ | $//g' -e 's/ \^ byte/^ byte/'
}

@test "README: its examples, on a Docker host, print what it says" {
	local command line found
	[ "$(examples | wc -l)" = 5 ]
	while read -r command; do
		echo "# $command"
		# shellcheck disable=SC2086 # the words of a command
		world env COLUMNS=80 "$TRUESUM" ${command#truesum } >"$WORK/says" 2>"$WORK/err" || [ $? = 1 ] || cat "$WORK/err"
		# One paragraph of a text may be broken at other places.
		shape <"$WORK/says" | tr '\n' ' ' >"$WORK/shape"
		found=$(<"$WORK/shape")
		example "$command" >"$WORK/example"
		[ -s "$WORK/example" ]
		while IFS= read -r line; do
			[ -n "$line" ] || continue
			if [[ $found != *"$line"* ]]; then
				echo "missing, or not in this order: $line"
				cat "$WORK/says"
				return 1
			fi
			found=${found#*"$line"}
		done < <(shape <"$WORK/example")
	done < <(examples)
}
