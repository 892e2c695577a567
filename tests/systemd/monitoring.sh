#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The alerts and the dashboard of systemd/monitoring: each metric that they name is one that
# chanctl or chand reports, and is used as what it is; each alert is whole and tested
# (alerts_test.yml), and promtool, where it is there, finds that the rules are sound and fire
# when they should.

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

# What is wrong with expressions, by their words: brackets that don't match, words that are
# nothing, labels that no metric has, a counter whose value is taken as it is, a rate of
# something else.
cat >"$tmp/expressions.awk" <<'END'
function complain(what) { print what ": " $0 }
{
	text = $0
	gsub(/"[^"]*"/, "\"\"", text)
	if (gsub(/\(/, "(", text) != gsub(/\)/, ")", text) || gsub(/\{/, "{", text) != gsub(/\}/, "}", text))
		complain("brackets")
	for (rest = text; match(rest, /(rate|increase)\([a-z_]*/); rest = substr(rest, RSTART + RLENGTH))
		if (substr(rest, RSTART, RLENGTH) !~ /_total$/)
			complain("no counter")
	plain = text
	gsub(/(rate|increase)\([a-z_]*(\{[^}]*\})?\[(\$__rate_interval|[0-9]+[smhd])\]\)/, " ", plain)
	if (plain ~ /_total|\[|rate|increase/)
		complain("a counter is no rate")
	gsub(/\[[^]]*\]|[0-9.]+[smhd]?/, " ", text)
	n = split(text, word, /[^a-z_$]+/)
	for (i = 1; i <= n; i++)
		if (word[i] && !(word[i] in known) && word[i] !~ /^(and|or|unless|on|without|by|sum|count|rate|increase)$/)
			complain("no such word: " word[i])
}
END
chanctl metrics >"$tmp/metrics"
labels=$(grep -v '^#' "$tmp/metrics" | grep -oE '[a-z]+="' | sort -u | tr -d '="' | paste -sd' ')
expressions() { # of the lines of stdin, whatever is wrong
	awk -v words="$(paste -sd' ' "$tmp/reported") $labels instance" \
		'BEGIN { n = split(words, w, " "); for (i = 1; i <= n; i++) known[w[i]] }'"$(<"$tmp/expressions.awk")"
}
# A rule a line: name, expression, for, severity, summary, description.
awk '
	function end() { if (name) print name "\t" value["expr"] "\t" value["for"] "\t" value["labels"] "\t" \
		value["summary"] "\t" value["description"]; delete value }
	/^ *#/ || !NF { next }
	/^ *- alert: / { end(); name = $3; next }
	/^ *(expr|for|labels|summary|description):/ { key = $1; sub(/:/, "", key); sub(/^ *[a-z]*: */, "")
		sub(/^>$/, ""); value[key] = $0; next }
	/^ *annotations:$/ { next }
	{ sub(/^ */, ""); value[key] = value[key] (value[key] ? " " : "") $0 }
	END { end() }' "$alerts" >"$tmp/rules"
is 'rules that are read' "$(wc -l <"$tmp/rules")" ${#names[@]}
is 'names' "$(cut -f1 "$tmp/rules" | grep -vcE '^Shmchan[A-Z][A-Za-z]+$')" 0
is 'names that are there twice' "$(cut -f1 "$tmp/rules" | sort | uniq -d)" ''
is 'times' "$(cut -f3 "$tmp/rules" | grep -vcE '^([0-9]+[smh])?$')" 0
is 'severities' "$(cut -f4 "$tmp/rules" | grep -vcE '^\{severity: (warning|critical)\}$')" 0
is 'a summary and a description each' "$(awk -F'\t' 'length($5) < 10 || length($6) < 10' "$tmp/rules")" ''
is 'labels in their texts' "$(cut -f5,6 "$tmp/rules" | grep -oE '\$labels\.[a-z]+' | cut -d. -f2 | sort -u |
	grep -vxF -e "${labels// /$'\n'}" -e instance)" ''
is 'what else is between {{ and }}' \
	"$(cut -f5,6 "$tmp/rules" | grep -oE '\{\{[^}]*' | grep -vcE '^\{\{ (\$labels\.[a-z]+|\$value( \| printf .*)?) $')" 0
is 'expressions of alerts' "$(cut -f2 "$tmp/rules" | expressions)" ''
is 'expressions of panels' "$(jq -r '.panels[].targets[].expr' "$from/dashboard.json" | expressions)" ''
for bad in 'rate(shmchan_depth_messages[5m]) > 0' 'shmchan_sent_messages_total > 0' 'shmchan_full{chanel="x"}' \
	'sum(shmchan_full > 1' 'rate(shmchan_sent_messages_total) > 1' 'shmchan_ful == 1'; do
	[ -n "$(expressions <<<"$bad")" ] && pass || fail "nothing is wrong with $bad"
done
while IFS=$'\t' read -r name severity; do
	is "severity that the test of $name wants" \
		"$(grep -A3 "alertname: $name\$" "$tests" | grep -oE 'severity: [a-z]+' | sort -u)" "$(tr -d '{}' <<<"$severity")"
done < <(cut -f1,4 "$tmp/rules")

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
