#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanctl top, in a terminal of tmux: what it shows, what keys do, other sizes, and that it
# leaves the terminal as it was.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

status 1 chanctl top
says 'top needs a terminal: stdin and stdout are no terminal'
status 2 chanctl top -d 0
says "--delay: '0' is not an interval"
command -v tmux >/dev/null || { echo 'tmux is missing'; exit 77; }

channel_name
channels+=("$ch".{deep,idle,full})
chanctl create "$ch.deep"
chanctl create "$ch.idle"
chanctl create -c 4K -m 1K "$ch.full"
chansend "$ch.deep" a b c
head -c 3500 /dev/zero | chansend -s -N "$ch.full" 2>/dev/null
for _ in 1 2 3; do head -c 1000 /dev/zero | chansend -s -N "$ch.full"; done

# Each terminal is a server of its own, since one that ends still takes clients for a moment.
terminal=0
tm() { tmux -S "$tmp/tmux.$terminal" -f /dev/null "$@"; }
shown() { tm capture-pane -p -t top; }
# What is shown, once a line of it matches: happens lines PATTERN
lines() { shown | grep -qE -- "$1"; }
keys() { tm send-keys -t top "$@"; }
# top NAME=VALUE... -- OPTION...: in a new terminal of 80 by 24; then its status is shown
top() {
	tm kill-server 2>/dev/null
	terminal=$((terminal + 1))
	tm new-session -d -s top -x 80 -y 24 \
		"stty -a >'$tmp/before'; PATH='$PATH' LC_ALL=C.UTF-8 chanctl top $*; s=\$?; stty -a >'$tmp/after'; echo \"ended \$s\"; exec sleep 1000"
}
at_end+=('tm kill-server')

top -d 100ms "'$ch.*'"
happens lines '^chanctl top  3 channels, by name'
happens lines "^$ch.deep +open +3 +0%"
happens lines "^$ch.full +open +[0-9]+ +[0-9]+%"
is 'no line is longer than the terminal' "$(shown | LC_ALL=C.UTF-8 grep -cE '^.{81}')" 0
is 'sorted by name' "$(shown | grep -o "^${ch}[.a-z]*" | paste -sd' ')" "$ch.deep $ch.full $ch.idle"
for _ in {1..20}; do echo x; done | chansend "$ch.idle"
happens lines "^$ch.idle +open +20 "
keys d
happens lines '^chanctl top  3 channels, by depth'
is 'the deepest first' "$(shown | grep -o "^${ch}[.a-z]*" | head -n 1)" "$ch.idle"
happens lines '[▁▂▃▄▅▆▇█]'

# One channel's endpoints.
chanrecv "$ch.deep" >/dev/null &
receiver=$!
chanctl wait -W 60 "$ch.deep" 'receivers>=1'
keys n Enter
happens lines "^chanctl top  $ch.deep"
happens lines "^$receiver +.*receiver +chanrecv"
keys Down
happens lines "^chanctl top  $ch.full"
happens lines 'nobody is attached'
keys Escape
happens lines '^chanctl top  3 channels'

# Typing a filter, and taking it back.
keys /
happens lines 'names with: _'
keys i d l
happens lines '^chanctl top  1 channels, by name, with idl'
keys Enter
happens lines 'q quit'
keys / Escape
happens lines '^chanctl top  3 channels, by name$'

keys h
happens lines 'any key goes back'
keys z
happens lines 'q quit'

# A channel comes, one goes, while it is on the screen.
channels+=("$ch.new")
chanctl create "$ch.new"
happens lines "^$ch.new +open"
chanctl rm "$ch.new"
gone() { ! lines "$1"; }
happens gone "^$ch.new"

# Other sizes; the wide one says who waits.
tm resize-window -t top -x 140 -y 10
happens lines 'WAITS LONGEST'
happens lines "^$ch.deep .* chanrecv $receiver"
tm resize-window -t top -x 20 -y 3
happens lines '^chanctl top'
tm resize-window -t top -x 80 -y 24
happens lines "^$ch.deep +open"

# q ends it, and the terminal is as it was.
keys q
happens lines 'ended 0'
same 'the terminal after q' "$tmp/after" "$tmp/before"

# So do signals.
for signal in TERM INT HUP QUIT USR1 ABRT; do
	top "'$ch.*'"
	happens lines "^$ch.deep"
	pid=$(pgrep -f "chanctl top $ch" | while read -r p; do
		[ "$(cat "/proc/$p/comm")" = chanctl ] && echo "$p"
	done)
	kill -"$signal" "$pid"
	happens lines "ended $((128 + $(kill -l $signal)))"
	same "the terminal after $signal" "$tmp/after" "$tmp/before"
	happens gone "^$ch.deep"
done

# A terminal whose kind is not known.
top_dumb() { script -qec 'TERM=nosuch chanctl top' /dev/null; }
top_dumb >"$tmp/dumb" </dev/null
grep -q "the terminal's type, TERM, is not known" "$tmp/dumb" && pass || fail "TERM=nosuch: $(cat "$tmp/dumb")"

kill "$receiver"
finish
