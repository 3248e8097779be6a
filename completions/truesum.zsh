#compdef truesum
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of truesum for zsh. bash's completion file knows everything; this asks it.

local line
local -a described suffix
for line in ${(f)"$(bash @PREFIX@/share/bash-completion/completions/truesum "${(@Q)words[1,CURRENT]}" 2>/dev/null)"}; do
	case $line in
	(:files) compset -P '*='; _files; return ;;
	(:list) suffix=(-S '') ;;
	(*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
	esac
done
_describe truesum described "${suffix[@]}"
