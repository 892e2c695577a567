#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The alerts and the dashboard of systemd/monitoring: each metric that they name is one that
# chanctl or chand reports, each alert is tested (alerts_test.yml), and promtool, where it is
# there, finds that the rules are sound and fire when they should.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

from=$root/systemd/monitoring
alerts=$from/alerts.yml
tests=$root/tests/systemd/alerts_test.yml

channel
status 0 chanctl metrics
sed -n 's/^\([a-z_]*\)[{ ].*/\1/p' "$tmp/out" | sort -u >"$tmp/reported"
sed -n 's/^.*put_number(\(out, \)\?"\([a-z_]*\)", "gauge".*/chand_\2/p
	s/^.*put_number(\(out, \)\?"\([a-z_]*\)", "counter".*/chand_\2_total/p
	s/^\t*out, "\([a-z_]*\)", "counter".*/chand_\1_total/p' "$root/daemon/metrics.c" |
	sort -u >>"$tmp/reported"
grep -q '^chand_channels$' "$tmp/reported" && grep -q '^chand_deaths_total$' "$tmp/reported" ||
	fail "chand's metrics are not found in daemon/metrics.c"

# named FILE: the metrics in it
named() { grep -oE '\b(shmchan|chand)_[a-z_]+' "$1" | sort -u; }
for file in "$alerts" "$from/dashboard.json" "$tests"; do
	is "what ${file##*/} names and nobody reports" \
		"$(named "$file" | grep -vxFf "$tmp/reported" | paste -sd' ')" ''
	is "${file##*/} names some" "$(($(named "$file" | wc -l) > 5))" 1
done

mapfile -t names < <(sed -n 's/^ *- alert: //p' "$alerts")
is 'alerts' "${#names[@]}" "$(grep -c '^ *expr:' "$alerts")"
for name in "${names[@]}"; do
	grep -A20 "alertname: $name\$" "$tests" | grep -q exp_labels && pass || fail "$name is not tested"
done

status 0 jq -e '[.panels[].id] | length == (unique | length)' "$from/dashboard.json"
status 0 jq -e 'all(.panels[]; (.targets | length > 0) and all(.targets[]; .expr != ""))' "$from/dashboard.json"

if command -v promtool >/dev/null; then
	cp "$alerts" "$tests" "$tmp"
	status 0 promtool check rules "$tmp/alerts.yml"
	status 0 promtool test rules "$tmp/alerts_test.yml"
	jq -r '.panels[].targets[].expr' "$from/dashboard.json" |
		sed 's/\$__rate_interval/5m/g; s/\$[a-z]*/.*/g' | jq -Rn \
		'{groups: [{name: "d", rules: [inputs | {record: "x:y", expr: .}]}]}' >"$tmp/panels.yml"
	# All have one name, of which it complains; what it can't parse is another status.
	status 0 promtool check rules --lint=none "$tmp/panels.yml"
else
	echo 'promtool is missing: the rules were not evaluated'
fi
finish
