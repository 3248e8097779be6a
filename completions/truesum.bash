# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Completion of truesum for bash: source this file, or install it as
# .../bash-completion/completions/truesum. Run as a program, it answers zsh and fish
# (truesum.zsh, truesum.fish); the end of this file says how.
#
# It has no list of its own: commands, options and their values are read from the help texts at
# completion time. What kind of value an option takes follows from what the help calls it (IF, FILE).

# The first words of the paragraph "Commands:".
__truesum_commands() {
	"$1" --help 2>/dev/null | awk '/^Commands:/ { on = 1; next } on && !NF { exit } on { print $1 }'
}

# The first words of the paragraph "Subcommands:"; nothing for a command without.
__truesum_subcommands() {
	"$1" "$2" --help 2>/dev/null | awk '/^Subcommands:/ { on = 1; next } on && !NF { exit } on { print $1 }'
}

# The options in a help text, short and long.
__truesum_options() {
	awk '/^  (-[A-Za-z],|   ) --[a-z]/ {
		if ($1 ~ /,$/) print substr($1, 1, 2)
		long = $1 ~ /,$/ ? $2 : $1
		sub(/\[=.*/, "", long)
		print long
	}' <<<"$1"
}

# What the help calls an option's value; nothing for an option without one. In brackets, with "=", if
# the value may be left out: [=WHICH]
__truesum_placeholder() {
	awk -v option="$2" '/^  (-[A-Za-z],|   ) --[a-z]/ {
		short = $1 ~ /,$/ ? substr($1, 1, 2) : ""
		long = short ? $2 : $1
		value = short ? $3 : $2
		if (at = index(long, "[=")) {
			value = substr(long, at)
			long = substr(long, 1, at - 1)
		}
		if (option == long || (short && option == short))
			# Flags have their description there, which begins in column 31.
			print index($0, value) < 30 && value ~ /^(\[=)?[A-Z|]+\]?$/ ? value : ""
	}' <<<"$1"
}

# The names an option can take. In its description, without what is in parentheses, they are at the
# beginning of lines, before two blanks and a meaning; in clauses made of nothing but names; and
# before a colon, or else after it.
__truesum_values() {
	awk -v option="$2" '
		function names(clause,    word, n, i) {
			gsub(/ or |^or | or$/, ",", clause)
			gsub(/ *, */, ",", clause)
			gsub(/^[ ,]+|[ ,]+$/, "", clause)
			if (clause !~ /^[a-z0-9-]+(,[a-z0-9-]+)*$/)
				return 0
			n = split(clause, word, ",")
			for (i = 1; i <= n; i++)
				print word[i]
			return 1
		}
		/^  (-[A-Za-z],|   ) --[a-z]/ {
			name = $1
			sub(/\[=.*/, "", name)
			on = name == option || ($1 ~ /,$/ && (option == $2 || option == substr($1, 1, 2)))
			if (on) text = substr($0, 31)
			next
		}
		on && substr($0, 1, 30) ~ /^ +$/ { text = text "\n" substr($0, 31); next }
		{ on = 0 }
		END {
			gsub(/ ?\([^()]*\)/, "", text)
			n = split(text, clause, /[\n;]|\. /)
			for (i = 1; i <= n; i++) {
				colon = match(clause[i], /:[^:]*$/)
				if (match(clause[i], /^ *[a-z0-9-]+  +[^ ]/)) {
					split(clause[i], word, " ")
					print word[1]
					explained = 1
				} else if (explained) {
					continue
				} else if (!colon)
					names(clause[i])
				else if (!names(substr(clause[i], 1, colon - 1)))
					names(substr(clause[i], colon + 1))
			}
		}' <<<"$1"
}

# Words of $1 that begin with $cur, into COMPREPLY.
__truesum_offer() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Names of files that begin with $cur.
__truesum_files() {
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	compopt -o filenames 2>/dev/null
	kind=:files
}

# The last of a comma-separated list; names that stand there already are not offered again.
__truesum_offer_list() {
	local before="" name known="$1 all" rest=""

	[[ $cur == *,* ]] && before=${cur%,*},
	for name in $known; do
		[[ ,$before == *,$name,* ]] || rest+="$before$name "
	done
	__truesum_offer "$rest"
	compopt -o nospace 2>/dev/null
	kind=:list
}

__truesum_value() {
	local help=$1 option=$2

	case $(__truesum_placeholder "$help" "$option") in
	LIST)
		# These are topologies too; its own description says what is done with them.
		[[ $option == --live ]] && option=--topology
		__truesum_offer_list "$(__truesum_values "$help" "$option" | tr '\n' ' ')"
		;;
	\[=WHICH\])
		# Its value can only follow "=".
		[[ $3 ]] || return 1
		__truesum_offer "$(__truesum_values "$help" "$option")"
		;;
	NAME | DIR | PLACE | WHAT)
		__truesum_offer "$(__truesum_values "$help" "$option")"
		;;
	IF | DEV)
		# The devices of another namespace are not known here.
		[[ " ${COMP_WORDS[*]} " == *" -n "* || " ${COMP_WORDS[*]} " == *" --netns "* ]] ||
			__truesum_offer "$(compgen -G '/sys/class/net/*' | sed 's,.*/,,')"
		;;
	NAME\|PATH\|PID)
		if [[ $cur == */* ]]; then
			__truesum_files
		else
			__truesum_offer "$(compgen -G '/run/netns/*' | sed 's,.*/,,')"
		fi
		;;
	FILE | OTHER)
		__truesum_files
		;;
	"")
		return 1
		;;
	esac
	return 0
}

# $help and $kind are for __truesum_answer.
_truesum() {
	local program=${COMP_WORDS[0]/#~\//$HOME/} command=${COMP_WORDS[1]}
	local words=("$command") subcommands joint="" cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		help=$("$program" --help 2>/dev/null)
		__truesum_offer "$(__truesum_commands "$program") help --help --version"
		return
	fi
	if [[ $command == help ]]; then
		help=$("$program" --help 2>/dev/null)
		((COMP_CWORD > 2)) || __truesum_offer "$(__truesum_commands "$program")"
		return
	fi
	# bash takes --option=value apart.
	if [[ $cur == = ]]; then
		cur="" joint=yes
	elif [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]} joint=yes
	fi
	[[ " $(__truesum_commands "$program" | tr '\n' ' ')" == *" $command "* ]] || return
	subcommands=$(__truesum_subcommands "$program" "$command")
	if [[ $subcommands ]]; then
		if ((COMP_CWORD == 2)); then
			help=$("$program" "$command" --help 2>/dev/null)
			__truesum_offer "$subcommands"
			return
		fi
		[[ " ${subcommands//$'\n'/ } " == *" ${COMP_WORDS[2]} "* ]] || return
		words+=("${COMP_WORDS[2]}")
	fi
	# --help is the last option; below it there are examples.
	help=$("$program" "${words[@]}" --help 2>/dev/null | sed '/--help/q')
	if [[ $previous == -* ]] && __truesum_value "$help" "$previous" "$joint"; then
		return
	elif [[ $cur == -* ]]; then
		__truesum_offer "$(__truesum_options "$help")"
	elif [[ $command == send && $previous == send ]]; then
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
	elif [[ $command == pcap ]]; then
		__truesum_files
	fi
}

# What the help text $1 says about each of the names that follow, on one line: name, tab, meaning.
__truesum_describe() {
	awk -v names="${*:2}" '
		BEGIN { count = split(names, name, " "); for (i = 1; i <= count; i++) wanted[name[i]] = 1 }
		function note(word, meaning) {
			sub(/[\[=].*/, "", word)
			if (word in wanted && !(word in about)) {
				sub(/^ +/, "", meaning)
				about[word] = meaning
			}
		}
		# An option whose value is long has its description on the next line.
		late { note(late, substr($0, 31)); late = "" }
		/^  (-[A-Za-z],|   ) --[a-z]/ {
			long = $1 ~ /,$/ ? $2 : $1
			if (substr($0, 29, 2) ~ /[^ ]/) { late = long; next }
			if ($1 ~ /,$/) note(substr($1, 1, 2), substr($0, 31))
			note(long, substr($0, 31))
			next
		}
		/^ +[a-z0-9-]+  +[^ ]/ { word = $1; line = $0; sub(/^ +[^ ]+ +/, "", line); note(word, line) }
		END { for (i = 1; i <= count; i++) print name[i] "\t" about[name[i]] }' <<<"$1"
}

# Answers another shell: `bash truesum.bash truesum WORD...` prints the completions of the last word,
# each with its meaning after a tab. The line :files says that it is the name of a file, :list that a
# comma may follow.
__truesum_answer() {
	local help="" kind="" joint="" COMP_WORDS=("$@") COMP_CWORD

	# As bash takes --option=value apart.
	if [[ ${*: -1} == --*=* ]]; then
		joint=${*: -1}
		COMP_WORDS=("${@:1:$#-1}" "${joint%%=*}" "=" "${joint#*=}")
		[[ ${joint#*=} ]] || unset 'COMP_WORDS[-1]'
		joint=${joint%%=*}=
	fi
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_truesum
	[[ -z $kind ]] || printf '%s\n' "$kind"
	[[ $kind != :files && ${#COMPREPLY[@]} != 0 ]] || return 0
	__truesum_describe "$help" "${COMPREPLY[@]}" | while IFS= read -r line; do
		printf '%s\n' "$joint$line"
	done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	__truesum_answer "$@"
else
	complete -F _truesum truesum
fi
