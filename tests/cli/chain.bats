#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# guard chain and unchain, and the removal of truesum while container runtimes call it. /etc,
# /usr/share/containers and /var/lib are empty here: file systems of a mount namespace of its own.

bats_require_minimum_version 1.5.0
TOP=$BATS_TEST_DIRNAME/../..
TRUESUM=$(realpath "${TRUESUM:-$TOP/build/truesum}")

setup() {
	[ "$(id -u)" = 0 ] || skip "chain: needs root"
	unshare -m true 2>/dev/null || skip "chain: needs a mount namespace"
	WORK=$BATS_TEST_TMPDIR
	mkdir -p "$WORK/etc/cni/net.d" "$WORK/etc/containers/oci/hooks.d" "$WORK/etc/docker" "$WORK/etc/containerd" "$WORK/lib" \
		"$WORK/cni" "$WORK/bin"
	printf '#!/bin/sh\n' >"$WORK/bin/runc"
	cp "$WORK/bin/runc" "$WORK/cni/tsumfirst"
	chmod +x "$WORK/bin/runc" "$WORK/cni/tsumfirst"
	ln -s "$TRUESUM" "$WORK/cni/truesum"
	cat >"$WORK/list" <<-END
		{
		  "cniVersion": "1.0.0",
		  "name":"n",  "plugins": [
		    { "type": "tsumfirst" },
		    {
		      "type": "portmap" }
		  ]
		}
	END
	cp "$WORK/list" "$WORK/etc/cni/net.d/10-n.conflist"
}

# host COMMAND...: on a host with these files
host() {
	# shellcheck disable=SC2016 # expands inside
	unshare -m bash -euc 'mount --bind "$1/etc" /etc
		mount --bind "$1/lib" /var/lib
		mount --bind "$1/bin" /usr/local/sbin
		mount -t tmpfs tsum-run /run
		[ ! -d /usr/share/containers ] || mount -t tmpfs tsum-share /usr/share/containers
		export CNI_PATH=$1/cni
		shift
		"$@"' host "$WORK" "$@"
}

chained() {
	jq -e '.plugins[-1] == {"type": "truesum"} + '"${1:-{\}}" "$WORK/etc/cni/net.d/10-n.conflist"
}

with_docker() {
	printf '{\n  "runtimes": { "truesum": { "path": "/usr/libexec/truesum/truesum-runc" } },\n  "default-runtime": "truesum"\n}\n' \
		>"$WORK/etc/docker/daemon.json"
}

@test "chain: into a list and a hooks.d, again is no change, --fail-open and back; unchain undoes it to the byte" {
	local list=/etc/cni/net.d/10-n.conflist hook=/etc/containers/oci/hooks.d/truesum.json
	chmod 640 "$WORK$list"
	chown 12:34 "$WORK$list"
	run host "$TRUESUM" guard chain $list $hook
	[ "$status" = 0 ]
	[ "$output" = "$list: CNI plugin: put in"$'\n'"$hook: OCI hook: file written" ]
	chained
	[ "$(stat -c '%a %u %g' "$WORK$list")" = "640 12 34" ]
	jq -e --arg path "$TRUESUM" '.hook.path == $path and .hook.args == ["truesum", "guard", "hook"]' "$WORK$hook"
	run host "$TRUESUM" guard chain $list $hook
	[ "$output" = "$list: is as it should be already"$'\n'"$hook: is as it should be already" ]
	host "$TRUESUM" guard chain --fail-open $list $hook
	chained '{"failOpen": true}'
	jq -e '.hook.args[-1] == "--fail-open"' "$WORK$hook"
	run host "$TRUESUM" guard unchain --dry-run
	[ "$status" = 1 ]
	[ "$output" = "$list:7: CNI plugin"$'\n'"$hook:4: OCI hook" ]
	chained '{"failOpen": true}'
	host "$TRUESUM" guard chain $list $hook
	chained
	run host "$TRUESUM" guard unchain
	[ "$status" = 0 ]
	[ "$output" = "$list:7: CNI plugin: taken out"$'\n'"$hook:4: OCI hook: file removed" ]
	cmp "$WORK/list" "$WORK$list"
	[ "$(stat -c '%a %u %g' "$WORK$list")" = "640 12 34" ]
	[ -z "$(ls "$WORK/etc/containers/oci/hooks.d")" ]
	run host "$TRUESUM" guard unchain
	[ "$status" = 0 ]
	[ "$output" = "nothing names truesum" ]
}

@test "chain: refused if no container could start afterwards, with the remedy" {
	local list=/etc/cni/net.d/10-n.conflist
	rm "$WORK/cni/truesum"
	run host "$TRUESUM" guard chain $list
	[ "$status" = 3 ]
	[ "$output" = "$list: $WORK/cni has the plugin tsumfirst, but no truesum, so no container could start: ln -s \"\$(command -v truesum)\" $WORK/cni/" ]
	rm "$WORK/cni/tsumfirst"
	run host "$TRUESUM" guard chain $list
	[ "$status" = 3 ]
	[[ $output == *"no folder of CNI plugins has both tsumfirst and truesum"*CNI_PATH* ]]
	ln -s "$TRUESUM" "$WORK/cni/truesum"
	cp "$WORK/bin/runc" "$WORK/cni/tsumfirst"
	sed -i 's/1\.0\.0/0.2.0/' "$WORK$list"
	run host "$TRUESUM" guard chain $list
	[ "$status" = 3 ]
	[[ $output == *"truesum would refuse it: incompatible CNI version '0.2.0'"* ]]
	run host "$TRUESUM" guard chain /etc/nosuch.conflist
	[ "$status" = 3 ]
	[ "$output" = "/etc/nosuch.conflist: cannot read it: No such file or directory" ]
	echo '{"hook": {"path": "/bin/other"}}' >"$WORK/etc/containers/oci/hooks.d/other.json"
	run host "$TRUESUM" guard chain /etc/containers/oci/hooks.d/other.json
	[ "$status" = 3 ]
	[[ $output == *"there is another file of that name" ]]
	run host "$TRUESUM" guard chain
	[ "$status" = 2 ]
	run host "$TRUESUM" guard unchain /etc/nosuch
	[ "$status" = 3 ]
	[ "$output" = "truesum guard unchain: there is no /etc/nosuch" ]
}

@test "unchain: runtimes get runc's path and keep their name; what only a person can take out is named" {
	with_docker
	printf '# truesum-runc\n[plugins.x.runtimes.truesum.options]\n  BinaryName = "/usr/libexec/truesum/truesum-runc" # ours\n' \
		>"$WORK/etc/containerd/config.toml"
	run host "$TRUESUM" guard unchain
	[ "$status" = 0 ]
	[ "${lines[0]}" = "/etc/docker/daemon.json:2: runtime truesum-runc: runc instead" ]
	[ "${lines[1]}" = "/etc/containerd/config.toml:3: runtime truesum-runc: runc instead" ]
	[ "${lines[2]}" = "then run: systemctl reload docker" ]
	[ "${lines[3]}" = "then run: systemctl restart containerd" ]
	jq -e '.runtimes.truesum.path == "/usr/local/sbin/runc" and ."default-runtime" == "truesum"' "$WORK/etc/docker/daemon.json"
	diff - "$WORK/etc/containerd/config.toml" <<-END
		# truesum-runc
		[plugins.x.runtimes.truesum.options]
		  BinaryName = "/usr/local/sbin/runc" # ours
	END
	# Alone in a file; in a shell's command; as the only plugin; broken JSON; backups are
	# nobody's business.
	echo '{"cniVersion": "1.0.0", "name": "n", "type": "truesum"}' >"$WORK/etc/cni/net.d/a.conf"
	echo '{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "truesum"}]}' >"$WORK/etc/cni/net.d/b.conflist"
	echo '{"plugins": [{"type": "truesum"}' >"$WORK/etc/cni/net.d/c.conflist"
	echo '{"plugins": [{"type": "x"}, {"type": "truesum"}]}' >"$WORK/etc/cni/net.d/d.conflist.bak"
	before=$(cd "$WORK/etc" && md5sum cni/net.d/*)
	run host "$TRUESUM" guard unchain
	[ "$status" = 1 ]
	[ "${#lines[@]}" = 3 ]
	[ "${lines[0]}" = "/etc/cni/net.d/a.conf:1: it names truesum in a way that only a person can take out" ]
	[ "${lines[1]}" = "/etc/cni/net.d/b.conflist:1: it is the only plugin of its list: remove the file" ]
	[ "${lines[2]}" = "/etc/cni/net.d/c.conflist:1: it is no valid JSON, and names truesum" ]
	[ "$before" = "$(cd "$WORK/etc" && md5sum cni/net.d/*)" ]
}

@test "unchain: a link stays and what it leads to is changed, once; names are printed safely; what is no file is passed over" {
	host "$TRUESUM" guard chain /etc/cni/net.d/10-n.conflist
	mv "$WORK/etc/cni/net.d/10-n.conflist" "$WORK/etc/real"
	ln -s ../../real "$WORK/etc/cni/net.d/10-n.conflist"
	ln -s ../../real "$WORK/etc/cni/net.d/11-n.conflist"
	ln -s nowhere "$WORK/etc/cni/net.d/12-n.conflist"
	mkfifo "$WORK/etc/cni/net.d/13.conflist"
	mkdir "$WORK/etc/cni/net.d/14.conflist"
	cp "$WORK/etc/real" "$WORK/etc/cni/net.d/"$'20\e[31m.conflist'
	run host timeout 10 "$TRUESUM" guard unchain
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 2 ]
	[ "${lines[1]}" = "/etc/cni/net.d/20\\x1b[31m.conflist:7: CNI plugin: taken out" ]
	[ -L "$WORK/etc/cni/net.d/10-n.conflist" ]
	cmp "$WORK/list" "$WORK/etc/real"
}

@test "unchain: a file that somebody else changes meanwhile is left alone" {
	command -v strace >/dev/null || skip "chain: needs strace"
	local list=$WORK/etc/cni/net.d/10-n.conflist tries=0
	host "$TRUESUM" guard chain /etc/cni/net.d/10-n.conflist
	# Between reading it and replacing it, half a second passes.
	host strace -qq -o "$WORK/trace" -e trace=openat -P /etc/cni/net.d/10-n.conflist \
		-e inject=openat:delay_enter=500ms:when=2 "$TRUESUM" guard unchain >"$WORK/out" &
	until grep -q openat "$WORK/trace" 2>/dev/null; do
		[ $((++tries)) -lt 500 ]
		sleep 0.01
	done
	sed -i 's/tsumfirst/changed/' "$list"
	status=0
	wait $! || status=$?
	[ "$status" = 3 ]
	[ "$(cat "$WORK/out")" = "/etc/cni/net.d/10-n.conflist:7: somebody else is changing it: try again" ]
	chained
	grep -q changed "$list"
}

@test "chain, unchain: every JSON key is in the table, and no other" {
	with_docker
	{
		host "$TRUESUM" guard chain --json /etc/cni/net.d/10-n.conflist
		host "$TRUESUM" guard unchain --json
	} | "$TOP/tools/json-keys" check --all "$TOP/src/cmd/guard/chain.keys"
}

# removal [VARIABLE=VALUE]: what the package's removal asks
removal() {
	run host env TRUESUM="$TRUESUM" "$@" "$TOP/contrib/before-removal"
}

@test "removal: refused while runtimes call truesum, with the list; unchains if asked; then nothing is said" {
	host "$TRUESUM" guard chain /etc/cni/net.d/10-n.conflist
	with_docker
	removal
	[ "$status" = 1 ]
	[ "${lines[0]}" = "/etc/cni/net.d/10-n.conflist:7: CNI plugin" ]
	[ "${lines[1]}" = "/etc/docker/daemon.json:2: runtime truesum-runc" ]
	[[ $output == *TRUESUM_REMOVE=unchain* ]]
	chained
	removal TRUESUM_REMOVE=yes
	[ "$status" = 1 ]
	[ "$output" = "truesum: TRUESUM_REMOVE is 'yes'; known: unchain, anyway" ]
	removal TRUESUM_REMOVE=anyway
	[ "$status" = 0 ]
	[ -z "$output" ]
	chained
	removal TRUESUM_REMOVE=unchain
	[ "$status" = 0 ]
	cmp "$WORK/list" "$WORK/etc/cni/net.d/10-n.conflist"
	removal
	[ "$status" = 0 ]
	[ -z "$output" ]
	# What cannot be taken out keeps it installed, whoever asks.
	echo '{"type": "truesum"}' >"$WORK/etc/cni/net.d/a.conf"
	removal TRUESUM_REMOVE=unchain
	[ "$status" = 1 ]
	[[ $output == *"a.conf:1: "*TRUESUM_REMOVE=anyway* ]]
	# A program that does not start is no reason to keep it.
	TRUESUM=/bin/nosuch removal
	[ "$status" = 0 ]
}

@test "removal: says that protection stays on" {
	# shellcheck disable=SC2016 # expands inside
	run host bash -c 'mkdir -p /run/truesum/guard && echo "{}" >/run/truesum/guard/1-2; TRUESUM=$1 $2' bash "$TRUESUM" \
		"$TOP/contrib/before-removal"
	[ "$status" = 0 ]
	[[ $output == *"stays on"*"truesum guard revert"* ]]
}

@test "removal: make uninstall asks, too" {
	local prefix=$WORK/etc/prefix
	cd "$TOP"
	host env PREFIX=/etc/prefix tools/install install "$TRUESUM"
	host "$TRUESUM" guard chain /etc/cni/net.d/10-n.conflist
	run host env PREFIX=/etc/prefix tools/install uninstall "$TRUESUM"
	[ "$status" = 1 ]
	[ "${lines[0]}" = "/etc/cni/net.d/10-n.conflist:7: CNI plugin" ]
	[ -x "$prefix/bin/truesum" ]
	host env TRUESUM_REMOVE=unchain PREFIX=/etc/prefix tools/install uninstall "$TRUESUM"
	[ ! -e "$prefix" ]
	cmp "$WORK/list" "$WORK/etc/cni/net.d/10-n.conflist"
}

@test "truesum-runc: without jq or truesum the container does not start; with --fail-open it does, with a warning" {
	local wrapper=$TOP/contrib/docker/truesum-runc tools=$WORK/tools command
	mkdir "$tools" "$WORK/bundle"
	# shellcheck disable=SC2016 # expands in the stand-in
	printf '#!/bin/sh\necho "runc: $*"\n' >"$WORK/bin/runc"
	echo '{"hooks": {"poststop": [{"path": "/mine"}]}}' >"$WORK/bundle/config.json"
	for command in sh mv; do
		ln -s "$(command -v $command)" "$tools/"
	done
	run env PATH="$tools" RUNC="$WORK/bin/runc" TRUESUM="$TRUESUM" "$wrapper" create --bundle "$WORK/bundle" c1
	[ "$status" = 1 ]
	[[ $output == *"jq is needed"*"does not start"* ]]
	[[ $output != *"runc: create"* ]]
	run env PATH="$tools" RUNC="$WORK/bin/runc" TRUESUM="$TRUESUM" TRUESUM_HOOK="--mitigation=reset --fail-open" \
		"$wrapper" create --bundle "$WORK/bundle" c1
	[ "$status" = 0 ]
	[[ $output == *"jq is needed"*"starts unprotected (--fail-open)"*"runc: create --bundle $WORK/bundle c1" ]]
	run env RUNC="$WORK/bin/runc" TRUESUM=/nosuch "$wrapper" create --bundle "$WORK/bundle" c1
	[ "$status" = 1 ]
	[ "${lines[0]}" = "truesum-runc: there is no /nosuch; the container does not start" ]
	run env RUNC="$WORK/bin/runc" TRUESUM=/nosuch TRUESUM_HOOK=--fail-open "$wrapper" create --bundle "$WORK/bundle" c1
	[ "$status" = 0 ]
	jq -e '.hooks == {"poststop": [{"path": "/mine"}]}' "$WORK/bundle/config.json"
	run env RUNC="$WORK/bin/runc" TRUESUM="$TRUESUM" TRUESUM_HOOK=--fail-open "$wrapper" create --bundle "$WORK/bundle" c1
	[ "$status" = 0 ]
	[ "$output" = "runc: create --bundle $WORK/bundle c1" ]
	jq -e --arg path "$TRUESUM" '(.hooks.createRuntime | map(.path) == [$path]) and
		(.hooks.poststop | map(.path) == ["/mine", $path]) and
		.hooks.createRuntime[0].args == ["truesum", "guard", "hook", "--fail-open"]' "$WORK/bundle/config.json"
}
