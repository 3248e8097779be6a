#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The man pages, the help texts and the completions agree with each other and with the program.
# shellcheck disable=SC2154 # bats sets stderr

bats_require_minimum_version 1.5.0
TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
TOP=$BATS_TEST_DIRNAME/../..
MAN=$TOP/man
COMPLETIONS=$TOP/completions/truesum.bash

needs_mandoc() {
	command -v mandoc >/dev/null || skip "no mandoc"
}

# Prints the page as a reader sees it, without bold and underline, each paragraph on one line.
rendered() {
	mandoc -T ascii -O width=900 "$1" | sed 's/.\x08//g'
}

# section PAGE HEADING: prints the lines after a heading, up to the next one of the same or a higher
# level.
section() {
	rendered "$1" | awk -v heading="$2" '
		/^[A-Z]/ || /^   [^ ]/ { if (on && (/^[A-Z]/ || deep)) exit }
		on
		$0 == heading || $0 == "   " heading { on = 1; deep = /^ / }'
}

commands() {
	"$TRUESUM" --help | awk '/^Commands:/ { on = 1; next } on && !NF { exit } on { print $1 }'
}

# subcommands COMMAND: prints them; most commands have none
subcommands() {
	"$TRUESUM" "$1" --help | awk '/^Subcommands:/ { on = 1; next } on && !NF { exit } on { print $1 }'
}

# Prints the commands and their subcommands, as "guard apply".
all_commands() {
	local command subcommand
	for command in $(commands); do
		echo "$command"
		for subcommand in $(subcommands "$command"); do
			echo "$command $subcommand"
		done
	done
}

# page_of COMMAND [SUBCOMMAND]: the file that describes it; no word for the program itself
page_of() {
	echo "$MAN/truesum${1:+-${1%% *}}.1"
}

# text_of PAGE COMMAND: what a page says of a command, and of nothing else
text_of() {
	if [[ $2 == *\ * ]]; then
		section "$1" "truesum $2"
	else
		section "$1" DESCRIPTION
		section "$1" OPTIONS
	fi
}

# Prints the options in a help text on standard input as "-t, --topology list", one on each line,
# sorted. Descriptions begin in column 31, after at least two blanks, or on the next line. --help is
# the last option.
options_of_help() {
	awk '/^  (-[A-Za-z],|   ) --[a-z]/ {
			line = tolower(substr($0, 29, 2) == "  " ? substr($0, 1, 28) : $0)
			gsub(/^ +| +$/, "", line)
			print line
		}
		/ --help / { exit }' | sort
}

# options_of_page PAGE COMMAND: the same from a page: the items in what it says of the command
options_of_page() {
	text_of "$1" "$2" | grep -E '^ {5}(-[A-Za-z], )?--[a-z]' |
		sed -E 's/^ +//; s/ \| /|/g; s/ {2,}.*//' | sort
}

# same_options PAGE COMMAND HELP_TEXT: prints the options that only one of the two has
same_options() {
	diff <(options_of_help <<<"$3") <(options_of_page "$1" "$2")
}

# Prints every --option that a text mentions anywhere.
mentions() {
	grep -oE -- '(^|[^-[:alnum:]])--[a-z][a-z-]*' | grep -oE -- '--[a-z-]+' | sort -u
}

# complete_words WORD...: prints the completions of the last word
complete_words() {
	bash -c '
		. "$1"
		COMP_WORDS=("$2" "${@:3}")
		COMP_CWORD=$(($# - 2))
		_truesum
		[ "${#COMPREPLY[@]}" -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' \
		complete "$COMPLETIONS" "$TRUESUM" "$@"
}

# known ARG...: prints the names that the program lists if an argument contains an unknown name
known() {
	"$TRUESUM" "$@" 2>&1 | sed -n 's/.*known: \(.*\) (see .*/\1/p' | sed 's/, /\n/g'
}

@test "mandoc -T lint finds nothing" {
	needs_mandoc
	run mandoc -T lint -W warning "$MAN"/*.[15]
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "--help: exit 0, nothing on standard error, at most 100 columns, no blanks at line ends" {
	local command all
	mapfile -t all < <(echo && all_commands)
	[ "${#all[@]}" -gt 10 ]
	for command in "${all[@]}"; do
		# shellcheck disable=SC2086 # no word for the program's own help
		run --separate-stderr "$TRUESUM" $command --help
		[ "$status" -eq 0 ]
		[ -z "$stderr" ]
		[ "${#lines[@]}" -gt 3 ]
		run awk -v command="$command" 'length > 100 || / $/ { print command ": \"" $0 "\""; bad = 1 }
			END { exit bad }' <<<"$output"
		echo "$output"
		[ "$status" -eq 0 ]
	done
}

@test "each command has its page or section, with the options of its --help and no other" {
	needs_mandoc
	local command help
	[ "$(commands | wc -l)" -ge 5 ]
	[ "$(all_commands | grep -cE '^guard (apply|status|revert)$')" -eq 3 ]
	while read -r command; do
		# shellcheck disable=SC2086 # a subcommand is a second word
		help=$("$TRUESUM" $command --help)
		[ "$(options_of_help <<<"$help" | wc -l)" -eq \
			"$(sed '/ --help /q' <<<"$help" | grep -cE '^ {2,6}(-[A-Za-z], )?--[a-z]')" ]
		echo "$command: < in --help only, > in the page only"
		same_options "$(page_of "$command")" "$command" "$help"
	done < <(all_commands)
}

# Prints the options in a help text or a page on standard input with the first word that they give
# for the default: "--pace quick"
defaults() {
	awk '
		function end() {
			if (option != "" && match(tolower(text), /default:? [^ ,;).:]+/)) {
				word = substr(text, RSTART, RLENGTH)
				sub(/.* /, "", word)
				print option, word
			}
			option = ""
		}
		/^ +(-[A-Za-z], )?--[a-z]/ {
			end()
			text = $0
			sub(/^ +(-[A-Za-z], )?/, "", text)
			option = text
			sub(/[^a-z-].*/, "", option)
			next
		}
		/^ ? ? ?[^ ]/ { end() }
		{ sub(/^ */, " "); text = text $0 }
		END { end() }' | LC_ALL=C sort
}

@test "defaults are the same in the page and in --help" {
	needs_mandoc
	local command count=0 known
	while read -r command; do
		# shellcheck disable=SC2086 # a subcommand is a second word
		known=$("$TRUESUM" $command --help | sed '/ --help /q' | defaults)
		echo "$command: in --help, not in the page:"
		run comm -23 <(echo -n "${known:+$known$'\n'}") <(text_of "$(page_of "$command")" "$command" | defaults)
		echo "$output"
		[ -z "$output" ]
		((count += $(grep -c . <<<"$known"))) || true
	done < <(all_commands)
	echo "$count defaults"
	[ "$count" -gt 30 ]
}

@test "pages fit into 80 columns" {
	needs_mandoc
	local page
	for page in "$MAN"/*.[15]; do
		run -1 grep -E '^.{81}' <(mandoc -T utf8 -O width=78 "$page" | sed 's/.\x08//g')
		echo "$page: $output"
		[ -z "$output" ]
	done
}

@test "each page has the sections that a reader looks for, in order, and begins with a question" {
	needs_mandoc
	local page command sections
	for command in $(commands); do
		page=$(page_of "$command")
		sections=$(sed -n 's/^\.Sh //p' "$page" | xargs)
		echo "$command: $sections"
		[[ $sections == "NAME SYNOPSIS DESCRIPTION "*"OPTIONS "*"EXIT STATUS EXAMPLES PRIVILEGES "*"SEE ALSO" ||
			$sections == "NAME SYNOPSIS DESCRIPTION SUBCOMMANDS "*"EXIT STATUS EXAMPLES PRIVILEGES "*"SEE ALSO" ]]
		[[ $(section "$page" DESCRIPTION | sed -n '/[^ ]/{p;q}') == *"?" ]]
	done
}

@test "a page's title and synopsis are those of --help; pages refer to pages that exist" {
	needs_mandoc
	local page command name number
	for command in $(commands); do
		page=$(page_of "$command")
		[ "$(sed -n 's/^\.Nd //p' "$page")" = \
			"$("$TRUESUM" --help | awk -v command="$command" '$1 == command { $1 = ""; sub(/^ /, ""); sub(/\?$/, ""); print; exit }')" ]
	done
	plain() { tr -d '[].' | tr 'A-Z<' 'a-z ' | xargs -n 100; }
	while read -r command; do
		[[ $command == guard ]] && continue
		# shellcheck disable=SC2086 # a subcommand is a second word
		diff <("$TRUESUM" $command --help | sed -n 's/^Usage: //p' | plain) \
			<(section "$(page_of "$command")" SYNOPSIS | grep "truesum $command" | plain)
	done < <(all_commands)
	while read -r name number; do
		[ -f "$MAN/$name.$number" ] || { echo "no page $name($number)"; return 1; }
	done < <(sed -n 's/^\.Xr \(truesum[a-z-]*\) \([0-9]\).*/\1 \2/p' "$MAN"/*.[15] | sort -u)
}

@test "that comparison notices an option that one side lacks, and a different short form or value" {
	needs_mandoc
	local help page=$MAN/truesum-lab.1 other=$BATS_TEST_TMPDIR/truesum-lab.1
	help=$("$TRUESUM" lab --help)
	same_options "$page" lab "$help"
	sed '/^\.It Fl Fl report/d' "$page" >"$other"
	run same_options "$other" lab "$help"
	[ "$status" -eq 1 ]
	[[ $output == *"< --report file"* ]]
	run same_options "$page" lab "$(grep -v -- --report <<<"$help")"
	[ "$status" -eq 1 ]
	[[ $output == *"> --report file"* ]]
	sed 's/^\.It Fl j , Fl Fl jobs/.It Fl Fl jobs/' "$page" >"$other"
	run ! same_options "$other" lab "$help"
	sed 's/^\(\.It Fl Fl json\)$/\1 Ar file/' "$page" >"$other"
	run ! same_options "$other" lab "$help"
}

@test "no text names an option that does not exist" {
	needs_mandoc
	local command page all
	all=$( (echo && all_commands) | while read -r command; do
		# shellcheck disable=SC2086 # no word for the program's own help
		"$TRUESUM" $command --help
	done | mentions)
	while read -r command; do
		# shellcheck disable=SC2086 # a subcommand is a second word
		run comm -23 <(text_of "$(page_of "$command")" "$command" | mentions) \
			<("$TRUESUM" $command --help | mentions)
		echo "$command: $output"
		[ -z "$output" ]
	done < <(all_commands)
	for page in "$MAN"/*.[15]; do
		rendered "$page" >>"$BATS_TEST_TMPDIR/pages"
	done
	[ "$(mentions <"$BATS_TEST_TMPDIR/pages" | wc -l)" -gt 30 ]
	comm -23 <(mentions <"$BATS_TEST_TMPDIR/pages") <(echo "$all") >"$BATS_TEST_TMPDIR/unknown"
	cat "$BATS_TEST_TMPDIR/unknown"
	[ ! -s "$BATS_TEST_TMPDIR/unknown" ]
}

@test "the pages have every topology, NIC model, behaviour, mitigation, pattern and place, in its section" {
	needs_mandoc
	local option page heading name count=0
	while read -r option page heading; do
		while read -r name; do
			[ "$name" = all ] && continue
			count=$((count + 1))
			section "$MAN/$page" "$heading" | grep -qE "(^ +|, )$name( |,|$)" || {
				echo "$heading lacks $name"
				return 1
			}
		done < <(known lab "$option" nosuch)
	done <<-'END'
		--topology truesum-lab.1 TOPOLOGIES
		--nic truesum-lab.1 NIC MODELS
		--behaviour truesum-lab.1 BEHAVIOURS AND MITIGATIONS
		--mitigation truesum-lab.1 BEHAVIOURS AND MITIGATIONS
		--pattern truesum-corrupt.1 DAMAGE PATTERNS
		--where truesum-corrupt.1 DAMAGE PATTERNS
	END
	[ "$count" -ge 36 ]
	# lab --help names the topologies too, and a topology is named once in the page's table.
	for name in $(known lab --topology nosuch); do
		"$TRUESUM" lab --help | grep -qE "[ (]${name}[ ,]"
		[ "$name" = all ] || [ "$(section "$MAN/truesum-lab.1" TOPOLOGIES | grep -cE "^ {5}$name  ")" -eq 1 ]
	done
}

# check_keys TABLE: the JSON objects on standard input have exactly the keys in the table
# (src/cmd/TABLE.keys), with the types given there
check_keys() {
	"$TOP/tools/json-keys" check --all "$TOP/src/cmd/$1.keys"
}

@test "the pages agree with their tables: make man changes nothing" {
	local build
	build=$(cd "$(dirname "$TRUESUM")" && pwd)
	[ -x "$build/tools/manual-lists" ] || skip "needs tools/manual-lists (make toolbox)"
	BUILD=$build "$TOP/tools/manual"
}

@test "a key or type that a table lacks is noticed, and so is a row that no object has" {
	local table=$BATS_TEST_TMPDIR/a.keys
	printf '@\t.\tOne object:\na\tnumber\tone\nb[].c\tstring|null\ttwo\nd\tobject\tall\nd.*\tobject\teach\nd.*.e\tnumber\tthree\n' >"$table"
	check() { "$TOP/tools/json-keys" check --all "$table" <<<"$1"; }
	check '{"a": 1, "b": [{"c": null}], "d": {"x": {"e": 1}}}'
	run ! check '{"a": 1, "b": [{"c": null}], "d": {}}'
	[ "$output" = "d.*: in the table only"$'\n'"d.*.e: in the table only" ]
	run ! check '{"a": true, "b": [{"c": null}], "d": {"x": {"e": 1}}}'
	[ "$output" = "a: boolean is not in the table" ]
	run ! check '{"a": 1, "b": [{"c": "", "z": 1}], "d": {"x": {"e": 1}}}'
	[ "$output" = "b[].z: not in the table" ]
	run ! check '{"a": 1, "b": [{"c": ""}], "d": {"x": {"e": 1}}, "y": {}}'
	[ "$output" = "y: not in the table" ]
}

@test "every table of JSON keys is in truesum-json(5)" {
	local table
	for table in "$TOP"/src/cmd/*/*.keys; do
		grep -q "${table#"$TOP"/}" "$TOP/tools/manual" || { echo "tools/manual lacks $table"; return 1; }
	done
}

@test "every JSON key is in its table, and no other" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	unshare -n -m true 2>/dev/null || skip "needs network and mount namespaces"
	export TRUESUM
	"$TRUESUM" lab --json -t bare --family 4 --behaviour native | check_keys lab/lab
	# shellcheck disable=SC2016 # expands in the inner shell
	unshare -n -m bash -ec 'mount -t tmpfs tsum-test /run
		"$TRUESUM" corrupt --dev lo --json --dry-run
		"$TRUESUM" corrupt --dev lo --json --for 10ms
		"$TRUESUM" corrupt --dev lo --json --for 10ms --vouch' | check_keys traffic/corrupt
	# In a PID namespace of its own, because the targets are the namespaces that are visible in
	# /proc.
	# shellcheck disable=SC2016
	unshare -n -m -p -f --mount-proc bash -ec 'mount -t tmpfs tsum-test /run
		ip link set lo up
		ip link add v0 type veth peer name v1
		"$TRUESUM" probe --json
		"$TRUESUM" probe --json --as-if lying-nic || true' | check_keys probe/probe
	# apply names one of the two containers: it gets the policy's mitigations, the other does
	# not.
	# shellcheck disable=SC2016
	unshare -n -m -p -f --mount-proc bash -ec 'mount -t tmpfs tsum-test /run
		mount -t tmpfs tsum-test /var/lib
		ip link set lo up
		for n in 1 2; do
			ip netns add C$n
			ip link add v$n type veth peer name eth0 netns C$n
			ip addr add 10.$n.0.1/24 dev v$n
			ip link set v$n up
			ip -n C$n addr add 10.$n.0.2/24 dev eth0
			ip -n C$n link set eth0 up
			ip -n C$n route add default via 10.$n.0.1
		done
		sysctl -qw net.ipv4.ip_forward=1
		"$TRUESUM" guard apply --json -n C1 --mitigation rx-off
		"$TRUESUM" guard status --json
		"$TRUESUM" guard revert --json
		"$TRUESUM" guard run --json -m rx-off >/run/events &
		until grep -q \"protected\" /run/events; do sleep 0.01; done
		kill $!
		wait $!
		cp /run/events "$1"' bash "$BATS_TEST_TMPDIR/events" | check_keys guard/guard
	check_keys guard/run <"$BATS_TEST_TMPDIR/events"
	# A datagram is missing, so that there is a gap.
	# shellcheck disable=SC2016
	unshare -n bash -ec 'ip link set lo up
		"$TRUESUM" recv --udp --json --idle 300ms 5555 >"$1/recv" &
		until ss -Hulnp "sport = :5555" | grep -q .; do sleep 0.01; done
		"$TRUESUM" send --udp --json --count 1 127.0.0.1 5556 >"$1/send" 2>/dev/null || true
		exec 3>/dev/udp/127.0.0.1/5555
		for k in 0 2; do echo "$(printf "a%.0s" {1..57}) $k" >&3; done
		wait' bash "$BATS_TEST_TMPDIR"
	jq -e '.gaps | length == 1' "$BATS_TEST_TMPDIR/recv"
	check_keys traffic/recv <"$BATS_TEST_TMPDIR/recv"
	check_keys traffic/send <"$BATS_TEST_TMPDIR/send"
}

# tree FOLDER: makes a folder with the program and a `man` that prints its arguments
tree() {
	mkdir -p "$1/bin" "$1/fake"
	cp "$TRUESUM" "$1/bin/truesum"
	# shellcheck disable=SC2016 # expands in the program that is written
	printf '#!/bin/sh\necho "man: $*"; exit 7\n' >"$1/fake/man"
	chmod +x "$1/fake/man"
}

@test "truesum help COMMAND opens the page beside the program: in the source tree, installed, compressed" {
	local at=$BATS_TEST_TMPDIR
	tree "$at"
	for page in man/truesum-lab.1 share/man/man1/truesum-lab.1.gz share/man/man1/truesum-lab.1; do
		mkdir -p "$at/${page%/*}"
		touch "$at/$page"
		# man's exit code is the result.
		run -7 --separate-stderr env "PATH=$at/fake:$PATH" "$at/bin/truesum" help lab
		[[ $output == "man: "*"/bin/../$page" ]]
		[ -z "$stderr" ]
	done
	# No other command has a page here.
	run -0 "$at/bin/truesum" help clean
	[[ $output == *"no man page is installed with "*"; this is the text of truesum clean --help"* ]]
}

@test "truesum help COMMAND prints --help if there is no man, no page, or a page that a stranger can write" {
	local at=$BATS_TEST_TMPDIR command
	tree "$at"
	for command in $(commands); do
		run -0 --separate-stderr "$at/bin/truesum" help "$command"
		[ "$output" = "$("$TRUESUM" "$command" --help)" ]
		[[ $stderr == "truesum help: no man page is installed with "* ]]
	done
	mkdir "$at/man"
	touch "$at/man/truesum-lab.1"
	run -0 --separate-stderr env PATH=/nonexistent "$at/bin/truesum" help lab
	[ "$output" = "$("$TRUESUM" lab --help)" ]
	[[ $stderr == "truesum help: there is no program 'man' here; this is the text of truesum lab --help"* ]]
	chmod o+w "$at/man"
	run -0 env "PATH=$at/fake:$PATH" "$at/bin/truesum" help lab
	[[ $output == *"no man page is installed"* ]]
	[ "$(id -u)" = 0 ] || skip "the rest needs root"
	chmod o-w "$at/man"
	run -7 env "PATH=$at/fake:$PATH" "$at/bin/truesum" help lab
	chown 65534 "$at/man"
	run -0 env "PATH=$at/fake:$PATH" "$at/bin/truesum" help lab
	[[ $output == *"no man page is installed"* ]]
}

@test "truesum help alone is --help; it takes one command that exists" {
	[ "$("$TRUESUM" help)" = "$("$TRUESUM" --help)" ]
	[ "$("$TRUESUM" help --help)" = "$("$TRUESUM" --help)" ]
	run -2 "$TRUESUM" help nosuch
	[ "$output" = "truesum: unknown command 'nosuch' (see truesum --help)" ]
	run -2 "$TRUESUM" help guard apply
	[ "$output" = "truesum help: give one command (see truesum --help)" ]
	run -2 "$TRUESUM" help ../x
	[ "${#lines[@]}" -eq 1 ]
}

@test "truesum help: every command has a page" {
	local command
	for command in $(commands); do
		[ -f "$MAN/truesum-$command.1" ]
	done
	command -v man >/dev/null || skip "no man"
	[ "$(cd "$(dirname "$TRUESUM")/.." && pwd)" = "$(cd "$TOP" && pwd)" ] || skip "not built in this tree"
	run -0 "$TRUESUM" help clean
	[[ $output == *TRUESUM-CLEAN*SYNOPSIS* ]]
}

@test "completion offers every command, and every option of each" {
	local command
	[ "$(complete_words "")" = "$(commands; printf '%s\n' help --help --version)" ]
	[ "$(complete_words help "")" = "$(commands)" ]
	[ "$(complete_words help co)" = corrupt ]
	[ -z "$(complete_words help lab "")" ]
	[ "$(complete_words cor)" = corrupt ]
	while read -r command; do
		# shellcheck disable=SC2086 # a subcommand is a second word
		diff <(complete_words $command - | grep -- ^-- | sort) \
			<("$TRUESUM" $command --help | options_of_help | grep -oE -- '--[a-z-]+' | sort)
		# shellcheck disable=SC2086
		diff <(complete_words $command - | grep -v -- ^-- | sort) \
			<("$TRUESUM" $command --help | options_of_help | grep -oE -- '^-[A-Za-z]' | sort)
	done < <(all_commands)
	[ "$(complete_words guard "")" = "$(subcommands guard)" ]
	[ "$(complete_words guard re)" = revert ]
	[ -z "$(complete_words guard nosuch -)" ]
	[ "$(complete_words lab --topo)" = --topology ]
}

@test "completion offers every subcommand, and the options of each" {
	local sub
	[ "$(complete_words guard "")" = "$(subcommands guard)" ]
	[ "$(complete_words guard co)" = cost ]
	for sub in $(subcommands guard); do
		"$TRUESUM" guard "$sub" --help >/dev/null 2>&1 || continue
		diff <(complete_words guard "$sub" - | grep -- ^-- | sort) \
			<("$TRUESUM" guard "$sub" --help | options_of_help | grep -oE -- '--[a-z-]+' | sort)
	done
	[ "$(complete_words guard cost --pa)" = --pairs ]
}

@test "completion offers exactly the values that the program knows" {
	local option
	for option in topology family proto nic behaviour mitigation pattern where pace server; do
		echo "--$option: < offered, > known"
		[ "$(known lab --$option nosuch | wc -l)" -gt 1 ]
		diff <(complete_words lab --$option "") <(known lab --$option nosuch)
	done
	diff <(complete_words lab --live "") <(known lab --topology nosuch)
	diff <(complete_words guard apply --mitigation "" | grep -vxE "auto|all") \
		<("$TRUESUM" guard apply --mitigation nosuch 2>&1 | sed -n 's/.*known: \(.*\), all, auto (see .*/\1/p' | sed 's/, /\n/g')
	diff <(complete_words corrupt --pattern "") <(known corrupt --pattern nosuch)
	diff <(complete_words corrupt --where "") <(known corrupt --dev lo --where nosuch)
	diff <(complete_words corrupt --direction "") <(known corrupt --direction nosuch)
	diff <(complete_words pcap --packets = "") <(known pcap --packets=nosuch)
	diff <(complete_words probe --as-if "") <(known probe --as-if nosuch)
	diff <(complete_words guard hook --mitigation "" | grep -vx all) \
		<(known guard hook --mitigation nosuch)
}

@test "completion within lists, after '=', of devices and files" {
	[ "$(complete_words lab -t routed,na | xargs)" = "routed,nat routed,nat-nocsum" ]
	[ "$(complete_words lab -t nat,na | xargs)" = nat,nat-nocsum ]
	[ "$(complete_words lab --nic = ly)" = lying ]
	[ "$(complete_words lab --proto = | wc -l)" -eq 4 ]
	complete_words corrupt --dev "" | grep -qx lo
	[ -z "$(complete_words corrupt --netns other --dev "")" ]
	[ "$(complete_words lab --report "$TOP/man/truesum.")" = "$TOP/man/truesum.1" ]
	[ -z "$(complete_words lab --window "")" ]
	[ -z "$(complete_words nosuch -)" ]
	[[ $(bash -c '. "$1"; complete -p truesum' bash "$COMPLETIONS") == *"-F _truesum truesum" ]]
}

@test "shellcheck finds nothing in the completions" {
	command -v shellcheck >/dev/null || skip "no shellcheck"
	shellcheck "$COMPLETIONS"
}
