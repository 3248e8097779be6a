# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of truesum for fish. bash's completion file knows everything; this asks it.

function __truesum_complete
	set -l words (commandline -opc)
	set -l current (commandline -ct)
	for line in (bash @PREFIX@/share/bash-completion/completions/truesum $words "$current" 2>/dev/null)
		switch $line
			case :files
				__fish_complete_path (string replace -r '^--[a-z-]+=' '' -- "$current")
			case :list
			case '*'
				echo $line
		end
	end
end

complete -c truesum -f -a '(__truesum_complete)'
