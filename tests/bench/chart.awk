#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# Makes a chart (SVG, on stdout) of chanbench's CSV:
#
#	chanbench compare thr lat --csv >results.csv
#	awk -f tests/bench/chart.awk results.csv >results.svg
#
# A panel for each mode and size, a bar for each row of it.  Streams show
# messages a second, the other modes the median latency; both on a logarithmic
# scale, since the slowest and the fastest are a hundred times apart.

# Fields of a record of CSV, "" inside quotes being a quote, into `field`.
function split_csv(line, field,    n, i, c, quoted, text) {
	n = 0
	text = ""
	quoted = 0
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (c == "\"" && quoted && substr(line, i + 1, 1) == "\"") {
			text = text c
			i++
		} else if (c == "\"") {
			quoted = !quoted
		} else if (c == "," && !quoted) {
			field[++n] = text
			text = ""
		} else {
			text = text c
		}
	}
	field[++n] = text
	return n
}

function escaped(text) {
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	return text
}

function log10(x) { return log(x) / log(10) }
function floor(x) { return x < int(x) ? int(x) - 1 : int(x) }
function ceiling(x) { return -floor(-x) }

function rate_text(x) {
	if (x >= 1e9) return sprintf("%.1f G/s", x / 1e9)
	if (x >= 1e6) return sprintf("%.1f M/s", x / 1e6)
	if (x >= 1e3) return sprintf("%.1f k/s", x / 1e3)
	return sprintf("%.0f /s", x)
}

function time_text(ns) {
	if (ns >= 1e9) return sprintf("%.1f s", ns / 1e9)
	if (ns >= 1e6) return sprintf("%.1f ms", ns / 1e6)
	if (ns >= 1e3) return sprintf("%.1f us", ns / 1e3)
	return sprintf("%.0f ns", ns)
}

function value_text(stream, x) { return stream ? rate_text(x) : time_text(x) }

function size_text(n) {
	if (n >= 1048576 && n % 1048576 == 0) return n / 1048576 " MiB"
	if (n >= 1024 && n % 1024 == 0) return n / 1024 " KiB"
	return n " B"
}

function title(mode, size) {
	if (mode == "thr" || mode == "fan")
		return size_text(size) ": messages a second (more is better)"
	if (mode ~ /^publish/)
		return size_text(size) ": messages a second to each of " substr(mode, 9) \
			" (more is better)"
	if (mode == "lat")
		return size_text(size) ": round trip, median (less is better)"
	return size_text(size) ": sleep to wake, median (less is better)"
}

function class_of(what) {
	if (what ~ /^shmchan/) return "ours"
	return what ~ /^(ring|memcpy|cacheline|futex)$/ ? "floor" : "peer"
}

function text(x, y, class, s) {
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, class, escaped(s)
}

# One panel with its top at y; returns where it ends.
function panel(p, y,    i, row, low, high, decade, x, width) {
	text(left, y + 14, "head", title(panel_mode[p], panel_size[p]))
	y += 24
	for (i = 1; i <= rows[p]; i++) {
		row = value[p, i]
		if (i == 1 || row < low) low = row
		if (i == 1 || row > high) high = row
	}
	# A bar has some length: the scale begins below the least.
	low = floor(log10(low) - 0.3)
	high = ceiling(log10(high))
	if (high <= low) high = low + 1
	for (decade = low; decade <= high; decade++) {
		x = left + span * (decade - low) / (high - low)
		printf "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
			x, y, x, y + rows[p] * step
		text(x, y + rows[p] * step + 12, "tick", value_text(stream[p], 10 ^ decade))
	}
	for (i = 1; i <= rows[p]; i++) {
		width = span * (log10(value[p, i]) - low) / (high - low)
		text(left - 8, y + step - 6, "name", name[p, i])
		printf "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
			class[p, i], left, y + 3, width, step - 6
		text(left + width + 6, y + step - 6, "value", value_text(stream[p], value[p, i]))
		y += step
	}
	return y + 40
}

NR == 1 {
	n = split_csv($0, head)
	for (i = 1; i <= n; i++)
		column[head[i]] = i
	if (!("mode" in column && "msgs_per_s" in column)) {
		print "chart: this is not chanbench's CSV" > "/dev/stderr"
		bad = 1
		exit 1
	}
	next
}

{
	split_csv($0, f)
	mode = f[column["mode"]]
	streams = mode == "thr" || mode == "fan" || mode ~ /^publish/
	v = f[column[streams ? "msgs_per_s" : "p50_ns"]]
	if (v == "" || v <= 0)
		next
	key = mode SUBSEP f[column["size"]]
	if (!(key in panel_of)) {
		panel_of[key] = ++panels
		panel_mode[panels] = mode
		panel_size[panels] = f[column["size"]]
		stream[panels] = streams
	}
	p = panel_of[key]
	i = ++rows[p]
	total++
	value[p, i] = v + 0
	class[p, i] = class_of(f[column["what"]])
	batch = f[column["send_batch"]] ":" f[column["recv_batch"]]
	name[p, i] = f[column["what"]] (batch == "1:1" ? "" : ", " batch " a call")
	machine = f[column["cpu"]] ", " f[column["kernel"]] ", shmchan " f[column["version"]]
}

END {
	if (bad)
		exit 1
	if (!total) {
		print "chart: there are no results in it" > "/dev/stderr"
		exit 1
	}
	left = 230
	span = 420
	step = 20
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 %d\" font-family=\"sans-serif\" font-size=\"12\">\n",
		40 + total * step + panels * 64
	print "<style>text{fill:#222}.head{font-weight:bold}.name{text-anchor:end}"
	print ".tick{text-anchor:middle;fill:#777;font-size:10px}.value{fill:#444}.machine{fill:#777}"
	print ".grid{stroke:#ddd}.ours{fill:#1b7f5c}.peer{fill:#7a93b8}.floor{fill:#bbb}</style>"
	print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
	text(8, 20, "machine", machine)
	y = 36
	for (p = 1; p <= panels; p++)
		y = panel(p, y)
	print "</svg>"
}
