#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# `truesum lab --report`: the page, opened in Chromium, contains every cell of the run and causes no
# message of the browser.

bats_require_minimum_version 1.5.0

TRUESUM=${TRUESUM:-$BATS_TEST_DIRNAME/../../build/truesum}
CELLS=(--topology "routed,nat,local,ipvlan" --family "4,6")

setup_file() {
	export PAGE=$BATS_FILE_TMPDIR/page.html
	[ "$(id -u)" = 0 ] || return 0
	"$TRUESUM" lab "${CELLS[@]}" --report "$PAGE" --json >"$BATS_FILE_TMPDIR/lab.json" || true
	[ ! -e "$PAGE" ] || "$BATS_TEST_DIRNAME/page-check.sh" "$PAGE" >"$BATS_FILE_TMPDIR/dom" \
		2>"$BATS_FILE_TMPDIR/console" || echo $? >"$BATS_FILE_TMPDIR/failed"
}

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ "$(cat "$BATS_FILE_TMPDIR/failed" 2>/dev/null)" != 3 ] || skip "needs chromium"
}

dom() {
	cat "$BATS_FILE_TMPDIR/dom"
}

@test "the browser writes nothing to its console" {
	[ -s "$PAGE" ]
	cat "$BATS_FILE_TMPDIR/console"
	[ ! -e "$BATS_FILE_TMPDIR/failed" ]
}

@test "every cell has its link in the matrix and its figure" {
	count=0
	while read -r id; do
		dom | grep -qF "href=\"#$id\"" || { echo "no link to $id"; return 1; }
		dom | grep -qF "<figure id=\"$id\"" || { echo "no figure $id"; return 1; }
		count=$((count + 1))
	done < <(jq -r '.cells[] | "\(.topology)-v\(.family)-\(.proto)-\(.nic)-\(.behaviour)-\(.mitigation)"' \
		"$BATS_FILE_TMPDIR/lab.json")
	[ "$count" -ge 24 ]
}

@test "the matrix shows the verdicts of the run" {
	delivered=$(jq '[.cells[] | select(.verdict == "delivers-corrupt")] | length' "$BATS_FILE_TMPDIR/lab.json")
	[ "$delivered" -gt 0 ]
	[ "$(dom | grep -c '<span class="badge bad">')" -ge "$delivered" ]
	dom | grep -q '</span> DELIVERED'
	dom | grep -q '</span> verified'
}

@test "each cell that ran has a timeline; each that delivers damage shows its damaged lines" {
	ran=$(jq '[.cells[] | select(.sent > 0)] | length' "$BATS_FILE_TMPDIR/lab.json")
	[ "$(dom | grep -c '<svg class="timeline" ')" -ge "$ran" ]
	dom | grep -q '<mark>'
	dom | grep -qE '[0-9]+ damaged messages? read</text>'
}

@test "the page loads no other file and runs no script" {
	run ! grep -qiE '<script|src=|@import|url\((https?:|//)|href="(https?:|//)' "$PAGE"
}

@test "if the report cannot be written, it says so in one line" {
	run "$TRUESUM" lab --topology bare --family 4 --report /nonexistent/page.html
	[ "$status" = 3 ]
	[[ "$output" == *"/nonexistent/page.html"* ]]
}
