# SPDX-License-Identifier: MIT
#
# Makes the tables of compare, in the form `text`, `markdown` or `csv` (for chart.awk), of
# its three files: the ways, what is missing and why, and the results of each run.

BEGIN {
	FS = "\t"
	split("64 1024 65536", sizes, " ")
	unit[64] = "64 B"
	unit[1024] = "1 KiB"
	unit[65536] = "64 KiB"
}

FNR == 1 { file++ }

# An empty file has no first line, so the files are told apart by their names.
FILENAME ~ /ways$/ {
	way[++ways] = $1
	kind[$1] = $2
	waits[$1] = $3
	uses[$1] = $4
	next
}
FILENAME ~ /missing$/ {
	missing[++lacks] = $1 ": " $2
	next
}
$4 == "!" {
	reason[$1, $2, $3] = $5
	next
}
{
	n = ++count[$1, $2, $3]
	value[$1, $2, $3, 1, n] = $4 + 0
	if ($2 == "echo")
		value[$1, $2, $3, 2, n] = $5 + 0
}

# Sets median, least and most of the values of a cell (which: 1 rate or p50, 2 p99).
function spread(w, job, size, which,    n, i, j, x, v) {
	n = count[w, job, size]
	for (i = 1; i <= n; i++) {
		x = value[w, job, size, which, i]
		for (j = i - 1; j > 0 && v[j] > x; j--)
			v[j + 1] = v[j]
		v[j + 1] = x
	}
	median = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
	least = v[1]
	most = v[n]
	return n
}

function short(x) {
	return x >= 99.5 ? sprintf("%.0f", x) : x >= 9.95 ? sprintf("%.1f", x) : \
		x >= 0.995 ? sprintf("%.2f", x) : sprintf("%.3f", x)
}

function with_spread(scale) {
	return short(median / scale) " (" short(least / scale) ".." short(most / scale) ")"
}

function is_ours(w) { return w ~ /^shmchan/ }

# Finds the best of ours and of the others in a column: best[1], best[0].
function compare_column(k, job, size, which,    i, w, o, better) {
	best[0] = best[1] = ""
	for (i = 1; i <= ways; i++) {
		w = way[i]
		if (kind[w] != k || !spread(w, job, size, which))
			continue
		o = is_ours(w)
		better = best[o] == "" || (job != "echo" ? median > mid[o] : median < mid[o])
		if (better) {
			best[o] = w
			mid[o] = median
			low[o] = least
			high[o] = most
		}
	}
	return best[0] != "" && best[1] != ""
}

function cell(w, job, size,    text, first) {
	if (!count[w, job, size])
		return reason[w, job, size] == "" ? "-" : "failed"
	spread(w, job, size, 1)
	text = with_spread(job == "stream" ? 1e6 : 1e3) # or thousands published
	if (job == "echo") {
		spread(w, job, size, 2)
		text = text " / " with_spread(1e3)
	}
	return text
}

# A table is rows of columns; print_table() pads them.
function put(text) { table[rows, ++columns] = text }
function row() { rows++; columns = 0 }

function print_table(    i, j, width, line) {
	for (j = 1; j <= columns; j++) {
		width[j] = 0
		for (i = 1; i <= rows; i++)
			if (length(table[i, j]) > width[j])
				width[j] = length(table[i, j])
	}
	for (i = 1; i <= rows; i++) {
		line = ""
		for (j = 1; j <= columns; j++)
			line = line sprintf(form == "markdown" ? "| %-" width[j] "s " : "%-" width[j] "s   ",
				table[i, j])
		if (form == "markdown")
			line = line "|"
		sub(/ +$/, "", line)
		print line
		if (i == 1 && form == "markdown") {
			line = ""
			for (j = 1; j <= columns; j++)
				line = line "|---"
			print line "|"
		}
	}
	rows = columns = 0
	delete table
}

function head(text) { print ""; print (form == "markdown" ? "## " : "") text; print "" }
function item(text) { print (form == "markdown" ? "- " : "  ") text }

function results(k, job,    i, j) {
	row()
	put("")
	for (j = 1; j <= 3; j++)
		put(unit[sizes[j]])
	for (i = 1; i <= ways; i++) {
		if (kind[way[i]] != k)
			continue
		row()
		put(way[i])
		for (j = 1; j <= 3; j++)
			put(cell(way[i], job, sizes[j]))
	}
	print_table()
}

function round_trip(w, size,    text) {
	if (!spread(w, "echo", size, 1))
		return "-"
	text = short(median / 1e3)
	spread(w, "echo", size, 2)
	return text " / " short(median / 1e3)
}

# Both tables in one, without the spreads.
function in_short(n, kinds,    i, j, k, w) {
	row()
	put("")
	for (j = 1; j <= 3; j++)
		put(unit[sizes[j]])
	for (j = 1; j <= 3; j++)
		put(unit[sizes[j]] ", round trip")
	for (k = 1; k <= n; k++)
		for (i = 1; i <= ways; i++) {
			w = way[i]
			if (kind[w] != kinds[k])
				continue
			row()
			put(w)
			for (j = 1; j <= 3; j++)
				put(spread(w, "stream", sizes[j], 1) ? short(median / 1e6) : "-")
			for (j = 1; j <= 3; j++)
				put(round_trip(w, sizes[j]))
		}
	print_table()
}

# The cells of one kind in which the best of ours is not the best of all.
function not_first(k, job, which, what,    j, size, scale, ratio, near) {
	scale = job == "stream" ? 1e6 : 1e3
	for (j = 1; j <= 3; j++) {
		size = sizes[j]
		if (!compare_column(k, job, size, which))
			continue
		compared++
		near = low[0] <= high[1] && low[1] <= high[0]
		ratio = job != "echo" ? mid[0] / mid[1] : mid[1] / mid[0]
		if (ratio <= 1) {
			close_by += near
			continue
		}
		behind++
		item(sprintf("%s, %s, %s: %s %s, %s %s (%.2f times%s)", k, unit[size], what, best[0],
			short(mid[0] / scale), best[1], short(mid[1] / scale), ratio,
			near ? "; the spreads overlap" : ""))
	}
}

# One row for each way, with all numbers of subscribers and sizes.
function published(    i, j, n) {
	row()
	put("")
	for (n = 1; n <= 100; n *= 10)
		for (j = 1; j <= 3; j++)
			put(n " x " unit[sizes[j]])
	for (i = 1; i <= ways; i++) {
		if (kind[way[i]] != "publishes")
			continue
		row()
		put(way[i])
		for (n = 1; n <= 100; n *= 10)
			for (j = 1; j <= 3; j++)
				put(cell(way[i], "publish-" n, sizes[j]))
	}
	print_table()
}

function kind_words(k) {
	return k == "copies" ? "all bytes are copied in and out" : \
		"in place: only 16 bytes of each message are touched"
}

function tables(    i, j, k, kinds, n) {
	if (form == "markdown")
		print "# shmchan and its peers on one machine"
	if (form == "markdown")
		print "\nWritten by `make bench-peers` (`tests/bench/peers`).\n"
	print cpu ", " kernel ", scheduling " policy ", load average " load " at the start."
	print "shmchan " version "; Debian's " debian "."
	print "Two processes, one pinned to each of two CPUs, with all of their threads (all"
	print "subscribers to one).  " runs \
		" runs of " ms " ms each,"
	print "shuffled; medians (least..most).  Every message was checked: its number at both ends,"
	print "and in the first 256 of each run all bytes, where they were copied."
	n = split("copies,in place", kinds, ",")
	if (form == "markdown") {
		head("In short: medians; M messages/s, and round trip in us, p50 / p99")
		in_short(n, kinds)
	}
	for (k = 1; k <= n; k++) {
		head("One by one, M messages/s; " kind_words(kinds[k]))
		results(kinds[k], "stream")
		head("Round trip, us, p50 / p99; " kind_words(kinds[k]))
		results(kinds[k], "echo")
	}
	head("Published to 1, 10 and 100 subscribers on one CPU, thousand messages/s to each")
	published()
	head("Where shmchan, the better of shared and exclusive, is not first")
	for (k = 1; k <= n; k++) {
		not_first(kinds[k], "stream", 1, "M messages/s")
		not_first(kinds[k], "echo", 1, "round trip, p50, us")
		not_first(kinds[k], "echo", 2, "round trip, p99, us")
	}
	for (i = 1; i <= 100; i *= 10)
		not_first("publishes", "publish-" i, 1, "thousand messages/s to each of " i)
	if (behind)
		print ""
	print "It is first in " compared - behind " of " compared " cells; in " close_by + 0 \
		" of these the spread overlaps the next one's."
	head("How each is used, and how it waits")
	row()
	put("")
	put("waits")
	put("uses")
	for (i = 1; i <= ways; i++) {
		row()
		put(way[i])
		put(waits[way[i]])
		put(uses[way[i]])
	}
	print_table()
	for (i = 1; i <= ways; i++)
		for (j = 1; j <= 3; j++) {
			if (reason[way[i], "stream", sizes[j]] != "")
				missing[++lacks] = way[i] ", " unit[sizes[j]] ", stream: " \
					reason[way[i], "stream", sizes[j]]
			if (reason[way[i], "echo", sizes[j]] != "")
				missing[++lacks] = way[i] ", " unit[sizes[j]] ", round trip: " \
					reason[way[i], "echo", sizes[j]]
			for (n = 1; n <= 100; n *= 10)
				if (reason[way[i], "publish-" n, sizes[j]] != "")
					missing[++lacks] = way[i] ", " unit[sizes[j]] ", " n " subscribers: " \
						reason[way[i], "publish-" n, sizes[j]]
		}
	if (lacks)
		head("What could not be measured, or failed in a run")
	for (i = 1; i <= lacks; i++)
		item(missing[i])
}

# In the columns of chanbench's CSV that the chart needs, and the spreads.
function csv(    i, j, n, w, size) {
	print "mode,what,size,in_place,send_batch,recv_batch,runs,msgs_per_s,least,most,p50_ns,p50_least," \
		"p50_most,p99_ns,p99_least,p99_most,version,kernel,cpu"
	for (j = 1; j <= 3; j++)
		for (i = 1; i <= ways; i++) {
			w = way[i]
			size = sizes[j]
			if (!spread(w, "stream", size, 1))
				continue
			printf "thr,%s,%d,%d,1,1,%d,%.0f,%.0f,%.0f,,,,,,,\"%s\",\"%s\",\"%s\"\n", w, size,
				kind[w] != "copies", count[w, "stream", size], median, least, most, version,
				kernel, cpu
		}
	for (n = 1; n <= 100; n *= 10)
		for (j = 1; j <= 3; j++)
			for (i = 1; i <= ways; i++) {
				w = way[i]
				size = sizes[j]
				if (!spread(w, "publish-" n, size, 1))
					continue
				printf "publish-%d,%s,%d,0,1,1,%d,%.0f,%.0f,%.0f,,,,,,,\"%s\",\"%s\",\"%s\"\n", n, \
					w, size, count[w, "publish-" n, size], median, least, most, version, \
					kernel, cpu
			}
	for (j = 1; j <= 3; j++)
		for (i = 1; i <= ways; i++) {
			w = way[i]
			size = sizes[j]
			if (!spread(w, "echo", size, 1))
				continue
			printf "lat,%s,%d,%d,1,1,%d,,,,%.0f,%.0f,%.0f", w, size, kind[w] != "copies",
				count[w, "echo", size], median, least, most
			spread(w, "echo", size, 2)
			printf ",%.0f,%.0f,%.0f,\"%s\",\"%s\",\"%s\"\n", median, least, most, version, kernel,
				cpu
		}
}

END {
	if (form == "csv")
		csv()
	else
		tables()
}
