#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# make install and make uninstall, what they install, and the completions for zsh and fish.

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
TRUESUM=${TRUESUM:-$TOP/build/truesum}

# installer install|uninstall [VARIABLE=VALUE]...: below $BATS_TEST_TMPDIR/root
installer() {
	(cd "$TOP" && env DESTDIR="$BATS_TEST_TMPDIR/root" "${@:2}" tools/install "$1" "$(realpath "$TRUESUM")")
}

# listing: each file and folder below the root, with its mode
listing() {
	(cd "$BATS_TEST_TMPDIR/root" && find . -printf '%M %p %l\n' | sort)
}

@test "install: uninstall leaves exactly what was there before, folders too" {
	local before root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/usr/local/bin" "$root/usr/local/share/man/man1" "$root/usr/local/share/fish"
	echo other >"$root/usr/local/share/man/man1/other.1"
	before=$(listing)
	installer install
	[ "$(listing | wc -l)" -gt "$(($(wc -l <<<"$before") + 10))" ]
	# Twice: the second time all folders exist.
	installer install
	installer uninstall
	diff <(echo "$before") <(listing)
	# Others' files in truesum's folders stay.
	installer install
	echo mine >"$root/usr/local/libexec/truesum/mine"
	installer uninstall
	[ "$(cd "$root" && find usr/local/libexec -type f)" = usr/local/libexec/truesum/mine ]
	# Nothing was there: nothing is left.
	rm -r "$root" && mkdir "$root"
	installer install PREFIX=/opt/tool
	installer uninstall PREFIX=/opt/tool
	[ -z "$(ls -A "$root")" ]
}

@test "install: make passes on DESTDIR and PREFIX" {
	run env -u MAKEFLAGS -u MAKELEVEL make -C "$TOP" -n V=1 install uninstall DESTDIR=/stage PREFIX=/opt/a UNITDIR=u ZSHDIR=z
	[ "$status" = 0 ]
	grep -F "DESTDIR='/stage' PREFIX='/opt/a' UNITDIR='u' ZSHDIR='z' tools/install install build/truesum" <<<"$output"
	grep -F "DESTDIR='/stage' PREFIX='/opt/a' UNITDIR='u' ZSHDIR='z' tools/install uninstall" <<<"$output"
	run ! env -C "$TOP" PREFIX=relative tools/install install "$TRUESUM"
	[ "$output" = "tools/install: PREFIX is 'relative': it must begin with /" ]
}

@test "install: every path follows PREFIX, every page and unit is there" {
	local root=$BATS_TEST_TMPDIR/root page
	installer install "PREFIX=/opt/a&b, c" UNITDIR=units ZSHDIR=zsh
	cd "$root/opt/a&b, c"
	run ! grep -rIE '@PREFIX@|/usr/local' libexec units zsh share/fish share/bash-completion share/doc
	grep -F "truesum=\${TRUESUM:-/opt/a&b, c/bin/truesum}" libexec/truesum/truesum-runc
	[ "$(jq -r .hook.path share/doc/truesum/examples/oci-hooks.d/truesum.json)" = "/opt/a&b, c/bin/truesum" ]
	grep -Fx "ExecStart=/opt/a&b, c/bin/truesum guard run" units/truesum-guard.service
	grep -F "bash /opt/a&b, c/share/bash-completion/completions/truesum" zsh/_truesum
	for page in "$TOP"/man/*.[1-9]; do
		cmp "$page" "share/man/man${page##*.}/${page##*/}"
	done
	cmp bin/truesum "$TRUESUM"
	[ lib/cni/truesum -ef bin/truesum ]
}

@test "install: every file of contrib/ and completions/ is installed" {
	local file
	while read -r file; do
		echo "$file"
		grep -q "^	echo \"[0-7]* $file " "$TOP/tools/install"
	done < <(cd "$TOP" && find contrib completions -type f)
}

# complete_in_zsh LINE: what zsh offers at the end of the line: in the order of the help, with its
# meaning
complete_in_zsh() {
	zsh -f -c '
		_describe() { print -l -- "${(@P)2}"; [[ ${3-} != -S ]] || print no blank }
		_files() { print files }
		compset() { : }
		words=("${(@s: :)1}")
		CURRENT=$#words
		source $2' zsh "$TRUESUM $1" "$BATS_TEST_TMPDIR/root/usr/local/share/zsh/site-functions/_truesum"
}

# What bash's completion, run as a program, answers.
answer() {
	local words
	IFS=' ' read -ra words <<<"$1."
	words[-1]=${words[-1]%.}
	bash "$TOP/completions/truesum.bash" "$TRUESUM" "${words[@]}"
}

# To try completions, install below the root, then let them find bash's file there.
install_completions() {
	installer install
	sed -i "s,bash /usr/local,bash $BATS_TEST_TMPDIR/root/usr/local," \
		"$BATS_TEST_TMPDIR/root/usr/local/share/zsh/site-functions/_truesum" \
		"$BATS_TEST_TMPDIR/root/usr/local/share/fish/vendor_completions.d/truesum.fish"
}

@test "completion: bash's file answers other shells: names, meanings, files, lists" {
	diff <(answer "" | cut -f 1) <("$TRUESUM" --help |
		awk '/^Commands:/ { on = 1; next } on && !NF { exit } on { print $1 }'; printf '%s\n' help --help --version)
	diff <(answer "guard ") <("$TRUESUM" guard --help |
		sed -n '/^Subcommands:/,/^$/ s/^  \([a-z-]*\)  *\(.*\)/\1\t\2/p')
	[ "$(answer "lab --rep")" = $'--report\tthe same as an HTML page that needs no other file' ] ||
		grep -q $'^--report\t[a-z]' <<<"$(answer "lab --rep")"
	[ "$(answer "lab --report /e")" = :files ]
	[ "$(answer "lab -t nat,na")" = $':list\nnat,nat-nocsum\t' ]
	[ "$(answer "lab --nic=ly")" = $':list\n--nic=lying\tvouches for every packet (CHECKSUM_UNNECESSARY)' ]
	[ "$(answer "lab --nic ly" | tail -n 1)" = $'lying\tvouches for every packet (CHECKSUM_UNNECESSARY)' ]
	[ -z "$(answer "nosuch -")" ]
}

@test "completion: zsh offers the same" {
	local line
	command -v zsh >/dev/null || skip "no zsh"
	install_completions
	for line in "" "guard " "lab --" "guard apply --" "lab --nic " "pcap -"; do
		[ "$(answer "$line" | grep -vc '^:')" -gt 1 ]
		diff <(answer "$line" | sed '/^:/d; s/\t/:/') <(complete_in_zsh "$line" | grep -v '^no blank')
	done
	[ "$(complete_in_zsh "lab --report x")" = files ]
	[ "$(complete_in_zsh "lab -t na" | tail -n 1)" = "no blank" ]
	# In a real one, at a terminal of its own.
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(realpath "$TRUESUM")" "$BATS_TEST_TMPDIR/bin/truesum"
	# shellcheck disable=SC2016 # expands in zsh
	run timeout 20 zsh -f -c 'zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z "fpath=($1 \$fpath); path=($2 \$path); autoload -Uz compinit; compinit -u -d $2/dump; PS1=READY"
		zpty -r z text "*READY"
		zpty -w -n z $'"'truesum guard reve\\t --dry\\t\\x18\\n'"'
		zpty -r z text "*--dry-run*" && print -r -- $text' zsh \
		"$BATS_TEST_TMPDIR/root/usr/local/share/zsh/site-functions" "$BATS_TEST_TMPDIR/bin"
	echo "$output"
	[[ $output == *"guard revert"*--dry-run* ]]
}

@test "completion: fish offers the same" {
	local line
	command -v fish >/dev/null || skip "no fish"
	install_completions
	export HOME=$BATS_TEST_TMPDIR XDG_DATA_HOME=$BATS_TEST_TMPDIR/data
	ln -sf "$(realpath "$TRUESUM")" "$BATS_TEST_TMPDIR/truesum"
	touch "$BATS_TEST_TMPDIR/afile"
	for line in "" "guard " "lab --" "guard apply --" "lab --nic "; do
		diff <(answer "$line" | sed '/^:/d; s/\t$//' | sort) \
			<(PATH=$BATS_TEST_TMPDIR:$PATH fish --no-config -c "
				source $BATS_TEST_TMPDIR/root/usr/local/share/fish/vendor_completions.d/truesum.fish
				complete -C 'truesum $line'" | sort)
	done
	[ "$(PATH=$BATS_TEST_TMPDIR:$PATH fish --no-config -c "
		source $BATS_TEST_TMPDIR/root/usr/local/share/fish/vendor_completions.d/truesum.fish
		complete -C 'truesum pcap $BATS_TEST_TMPDIR/afi'" | cut -f 1)" = "$BATS_TEST_TMPDIR/afile" ]
}
