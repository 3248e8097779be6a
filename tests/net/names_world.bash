# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016,SC2034 # names are what they are; what is set here, tests use
#
# Names that tenants chose to hurt whoever reads or copies them, and a host full of them: for each
# name a container whose namespace, device, end on the host, hostname and process have it. On top of
# guard_world.bash; hostile_world and rx_off are called in the world, the rest by the test.

# shellcheck source=tests/net/guard_world.bash
source "${BASH_SOURCE[0]%/*}/guard_world.bash"

NAMES_FILE=${BASH_SOURCE[0]}

# A device's name has at most 15 bytes, no blanks and none of / and :
DEVICE_NAMES=(
	'$(reboot);`id`'
	"it's"
	'"quoted"&|<>*?~'
	'a\b\x41'
	'-n'
	'--all'
	'#SKIP'
	'<script>x()<'
	'{dev}{in}$x'
	$'\e]0;owned\a'
	$'\e[2J\e[31m'
	$'\x7f\x9b\x31m'
	$'caf\xc3\xa9'
	$'\xff\xfe\x80'
	$'\xe2\x80\xae\xc3' # turns the text round; half a character
	'=x'
)

# What a namespace, a hostname or a process may be called besides: blanks and newlines.
OTHER_NAMES=(
	'               '
	' a b  c '
	$'two\nlines'
	$'\n\nok 1 forged'
	$'tab\there'
	$'\r\e[A'
)

# name_of NUMBER: of a container's namespace, hostname and process; device_of NUMBER: of its device
name_of() { ALL=("${DEVICE_NAMES[@]}" "${OTHER_NAMES[@]}"); printf %s "${ALL[$1]}"; }
device_of() { printf %s "${DEVICE_NAMES[$1]:-eth0}"; }
COUNT=$((${#DEVICE_NAMES[@]} + ${#OTHER_NAMES[@]}))

# hostile_world MARK: in the world; the containers' devices vouch, if MARK can make them
hostile_world() {
	local i name device end mark=$1
	for ((i = 0; i < COUNT; i++)); do
		name=$(name_of "$i"; printf .) name=${name%.}
		device=$(device_of "$i") end=$device
		[ "$device" != eth0 ] || end=h$i
		ip netns add "$name"
		ip link add "h$i" type veth peer name eth0 netns "$name"
		ip addr add "10.9.$i.1/24" dev "h$i"
		ip netns exec "$name" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		ip -n "$name" addr add "10.9.$i.2/24" dev eth0
		ip -n "$name" link set lo up
		[ "$end" = "h$i" ] || ip link set "h$i" name "$end"
		[ "$device" = eth0 ] || ip -n "$name" link set eth0 name "$device"
		ip link set dev "$end" up
		ip -n "$name" link set dev "$device" up
		ip -n "$name" route add default via "10.9.$i.1"
		ip netns exec "$name" unshare -u bash -c '
			printf %s "$1" >/proc/sys/kernel/hostname
			printf %s "$1" >"/proc/$BASHPID/comm"
			sleep 1000 & wait' - "$name" &
		[ ! -x "$mark" ] || "$mark" "$end" egress tsum_veth_2016 1
	done
}

# In the world: what truesum audit has a remedy for, on each container's device.
rx_off() {
	local i name
	for ((i = 0; i < COUNT; i++)); do
		name=$(name_of "$i"; printf .)
		ip netns exec "${name%.}" ethtool -K "$(device_of "$i")" rx off >/dev/null
	done
}

# shown NAME: as every output has it; the TAP also escapes blanks and #
shown() {
	local LC_ALL=C i byte
	for ((i = 0; i < ${#1}; i++)); do
		byte=${1:i:1}
		case $byte in
		\\ | [!\ -~]) printf '\\x%02x' "$(($(printf %d "'$byte") & 255))" ;;
		*) printf %s "$byte" ;;
		esac
	done
}

# clean_text FILE: valid UTF-8, and no control byte but newlines and tabs; shows what is not
clean_text() {
	iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || { echo "$1 is not UTF-8"; return 1; }
	! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]' "$1" ||
		{ echo "$1 has control characters:"; LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]' "$1" | cat -v | head; return 1; }
}
