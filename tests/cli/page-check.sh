#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Opens an HTML file in headless Chromium, without a network if possible, and prints the document as
# the browser understood it. If the page wrote to the console (failed scripts, missing or refused
# resources, violations of its content policy), prints these messages and fails.
set -euo pipefail

[ $# = 1 ] || { echo "usage: page-check.sh FILE.html" >&2; exit 2; }
page=$(realpath "$1")
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
	echo "page-check.sh: no Chromium; apt-get install chromium" >&2
	exit 3
}
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

alone=()
if unshare --net true 2>/dev/null; then
	alone=(unshare --net)
fi
timeout 60 "${alone[@]}" "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
	--disable-background-networking --disable-component-update --disable-sync \
	--user-data-dir="$profile" --enable-logging=stderr --dump-dom "file://$page" \
	2>"$profile/messages" || { cat "$profile/messages" >&2; exit 1; }

if grep 'CONSOLE' "$profile/messages" >&2; then
	exit 1
fi
