#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The README and docs/: links lead somewhere, commands and options exist, pictures are small.

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
TRUESUM=${TRUESUM:-$TOP/build/truesum}
cd "$TOP" || exit 1
DOCS=(README.md CONTRIBUTING.md CHANGELOG.md docs/*.md)

# Prints the lines of fenced blocks, without prompts and comments, as "FILE<tab>LINE". Lines with
# two blanks in a row are tables that a program printed.
code() {
	awk 'FNR == 1 { on = 0 } /^```/ { on = !on; next } on { print FILENAME "\t" $0 }' "${DOCS[@]}" |
		sed -E -e 's/\t[#$] /\t/' -e 's/ +# .*//'
}

# anchors FILE: prints the anchors that GitHub makes of its headings
anchors() {
	awk '/^```/ { on = !on } !on && /^#+ / { sub(/^#+ /, ""); print tolower($0) }' "$1" |
		sed -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

@test "docs: the README has at most 150 lines" {
	[ "$(wc -l <README.md)" -le 150 ]
}

@test "docs: every link in the project leads to a file, and to a heading in it" {
	local file target path bad=0 count=0
	while IFS=$'\t' read -r file target; do
		case $target in *://*) continue ;; esac
		((++count))
		path=$(dirname "$file")/${target%%#*}
		[ -n "${target%%#*}" ] || path=$file
		if [ ! -e "$path" ] || { [[ $target == *'#'* ]] && ! anchors "$path" | grep -qxF -- "${target#*#}"; }; then
			echo "$file: $target leads nowhere"
			bad=1
		fi
	done < <(for file in "${DOCS[@]}"; do
		tr '\n' ' ' <"$file" | grep -oE '\]\([^) ]+\)' | sed -e "s|^](|$file\t|" -e 's/)$//'
	done)
	[ "$count" -gt 30 ]
	[ "$bad" = 0 ]
}

@test "docs: every document is in docs/README.md" {
	local file
	for file in docs/*.md; do
		[ "$file" = docs/README.md ] || grep -qF "(${file#docs/})" docs/README.md || {
			echo "$file is not in docs/README.md"
			return 1
		}
	done
}

@test "docs: a picture has at most 200 kB, and some document shows it" {
	local picture
	for picture in docs/pictures/*; do
		[ "$(stat -c %s "$picture")" -le 200000 ]
		grep -qF "pictures/${picture##*/})" "${DOCS[@]}"
	done
}

@test "docs: every truesum command in an example exists, with its options" {
	local file line words word bad=0 count=0 help
	while IFS=$'\t' read -r file line; do
		read -ra words <<<"$(sed -E -e 's/.*\b(truesum )/\1/' -e 's/[|;>].*//' -e 's/^sudo //' <<<"$line")"
		[ "${words[0]-}" = truesum ] || continue
		[[ ${words[1]-} =~ ^[a-z]+$ ]] || continue
		((++count))
		help=$("$TRUESUM" "${words[1]}" --help 2>&1) || help=
		case ${words[1]}:${words[2]-} in
		guard:[a-z]*) help=$("$TRUESUM" guard "${words[2]}" --help 2>&1) || help= ;;
		esac
		[ -n "$help" ] || { echo "$file: $line: no such command"; bad=1; continue; }
		for word in "${words[@]:2}"; do
			[[ $word == --* ]] || continue
			word=${word%%[=.…]*}
			grep -qE -- "(^|[ ,])$word([ ,=.]|\$)" <<<"$help" || {
				echo "$file: $line: no option $word"
				bad=1
			}
		done
	done < <(code | grep -E $'\t(sudo |.*[|&] )?truesum [a-z]+( |$)' | grep -v '  ')
	[ "$count" -gt 30 ]
	[ "$bad" = 0 ]
}

@test "docs: every make target in an example exists" {
	local file line target bad=0 count=0
	while IFS=$'\t' read -r file line; do
		line=${line#sudo }
		for target in ${line#make}; do
			[[ $target =~ ^[a-z-]+$ && $target != -* ]] || continue
			((++count))
			grep -qE "^$target( [a-z-]+)*:|^\.PHONY:.* $target( |\$)" Makefile || {
				echo "$file: no target $target: $line"
				bad=1
			}
		done
	done < <(code | grep -E $'\t(sudo )?make ')
	[ "$count" -gt 10 ]
	[ "$bad" = 0 ]
}
