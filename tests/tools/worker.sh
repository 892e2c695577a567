#!/bin/bash
# SPDX-License-Identifier: MIT
#
# chanrecv CHANNEL -- COMMAND: a message is consumed when its child ended with 0, and
# is in the channel again whatever else happens to the child or to chanrecv.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

program() { # NAME: a shell program of that name, from stdin
	{
		echo '#!/bin/sh'
		cat
	} >"$tmp/$1"
	chmod +x "$tmp/$1"
}
# What is left in the channel, a line each.
left() {
	chanrecv -N "$ch" || [ $? = 5 ]
} 2>/dev/null
alive() { kill -0 "$1" 2>/dev/null; }
# What is buried there, a line each; nobody gets it before.
buried() {
	left
	chanctl kick -q "$ch"
	left
}
# Whether it was waited for is up to process 1, which does not do that everywhere.
gone() { ! alive "$1" || [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" = Z ]; }

# ---- what the child gets ----

channel -c 1M
chansend "$ch" one two ''
status 0 chanrecv -N "$ch" -- sh -c 'echo "$CHAN_NAME $CHAN_SEQ $CHAN_SIZE $CHAN_ATTEMPT <$(cat)>"'
is "environment and stdin" "$(cat "$tmp/out")" "$ch 1 3 1 <one>"$'\n'"$ch 2 3 1 <two>"$'\n'"$ch 3 0 1 <>"
is "stderr of it" "$(cat "$tmp/err")" ''
is "all consumed" "$(chanctl stat -H -o DEPTH,RECEIVED "$ch" | xargs)" "0 3"
head -c 200000 /dev/urandom >"$tmp/blob"
chansend -f "$tmp/blob" "$ch"
chanrecv -1 "$ch" -- cat >"$tmp/out"
same "more than a pipe holds" "$tmp/blob" "$tmp/out"
chansend -f "$tmp/blob" "$ch"
status 0 chanrecv -1 "$ch" -- true
is "stdin is not read" "$(cat "$tmp/err")" ''

# Arguments are the command's; an option of its own is none of chanrecv's.
chansend "$ch" x y
status 0 chanrecv -1 "$ch" -- printf '%s|' -N --help -- 'a b'
is "arguments" "$(cat "$tmp/out")" '-N|--help|--|a b|'
status 0 env POSIXLY_CORRECT=1 chanrecv "$ch" -1 -- echo -1
is "an option behind the channel" "$(cat "$tmp/out")" '-1'
chansend "$ch" x
status 0 chanrecv -N -o -- "$ch"
is "'--' as an argument of an option" "$(cat "$tmp/out")" '--'
chansend "$ch" x
status 0 chanrecv -N -- "$ch"
is "'--' before the channel" "$(cat "$tmp/out")" x

# No descriptor, signal or mask of ours; a group of its own.
chansend "$ch" x
exec 9</dev/null
status 0 chanrecv -1 "$ch" -- sh -c 'cd /proc/self/fd && echo *'
is "descriptors" "$(tr ' ' '\n' <"$tmp/out" | grep -cvE '^([012]|3)$')" 0
exec 9<&-
chansend "$ch" x
(trap '' INT PIPE && exec chanrecv -1 "$ch" -- grep -E '^Sig(Blk|Ign)' /proc/self/status >"$tmp/out")
# make leaves libc's own two ignored, 32 and 33, which sigaction(2) refuses to touch.
is "signals ignored or blocked" \
	"$(sed 's/0000000180000000/0/' "$tmp/out" | tr -d 'SigBlkIn:\t0\n')" ''
chansend "$ch" x
# shellcheck disable=SC2016
status 0 chanrecv -1 "$ch" -- sh -c 'set -- $(cat /proc/$$/stat); test $1 = $5'

# ---- statuses ----

chansend "$ch" a b c
status 0 chanrecv -n 2 "$ch" -- cat
is "-n 2" "$(cat "$tmp/out")" ab
status 0 chanrecv -e "$ch" -- cat
is "-e" "$(cat "$tmp/out")" c
status 0 chanrecv --idle-exit=10ms "$ch" -- cat
status 124 chanrecv -q -w 10ms "$ch" -- cat
status 124 chanrecv -q -W 10ms "$ch" -- cat
status 5 chanrecv -q -N "$ch" -- cat

# Tried again, and an attempt more each time; then dead, and held until the worker ends.
for code in 1 75 111 125; do
	chansend "$ch" a b
	status 123 chanrecv -e --backoff=0 --max-deliver=3 "$ch" -- \
		sh -c "read -r m; echo \$m\$CHAN_ATTEMPT; [ \$m = b ] || exit $code"
	says "chanrecv: $ch: sh ended with status $code; message "
	says " is dead at attempt 3: sh ended with status $code; it is held"
	is "attempts at status $code" "$(sort "$tmp/out" | xargs)" "a1 a2 a3 b1"
	is "kept after status $code" "$(buried)" a
done
for code in 65 100; do
	chansend "$ch" a b
	status 123 chanrecv -e "$ch" -- sh -c "exit $code"
	says " is dead at attempt 1: sh ended with status $code; it is held"
	is "kept after status $code" "$(buried)" $'a\nb'
done
chansend "$ch" a b
status 123 chanrecv -e --backoff=0 --max-deliver=2 "$ch" -- sh -c 'kill -KILL $$'
says "sh was killed by signal 9; message "
is "after a kill" "$(buried)" $'a\nb'
chansend "$ch" a b
status 0 chanrecv "$ch" -- sh -c 'exit 99'
is "after status 99" "$(left)" b
chansend "$ch" a b
status 127 chanrecv -N "$ch" -- "$tmp/nosuchbill"
says "nosuchbill: No such file or directory"
says "nosuchbill can't be run (status 127); message "
status 126 chanrecv -N "$ch" -- "$tmp"
says "Permission denied"
status 127 chanrecv -N "$ch" -- sh -c nosuchbill
is "that does not count" "$(chanrecv -1 "$ch" -- sh -c 'cat; echo $CHAN_ATTEMPT')" a1
is "after what can't be run" "$(left)" b
chansend "$ch" a
# Not even a process: as a user that may have none.  (A sanitizer needs one itself.)
if [ "$(id -u)" = 0 ] && [ -z "${SANITIZE-}" ] && chmod 711 "$tmp" && install -m 755 "$BUILD/chanrecv" "$tmp"; then
	channel --mode=0666
	chansend "$ch" a
	status 125 setpriv --reuid=65533 --regid=65533 --clear-groups prlimit --nproc=0 \
		"$tmp/chanrecv" -N "0/$ch" -- true
	says "can't start a process: "
	is "after no process" "$(left)" a
	channel
fi

status 2 chanrecv "$ch" --
says "there is no COMMAND behind '--'"
status 2 chanrecv -J "$ch" -- true
status 2 chanrecv -p "$ch" -- true
status 2 chanrecv -D "$tmp" "$ch" -- true

# ---- a bill that is missing, or dies at its third order: nothing is lost ----

channel && orders=$ch
channel && receipts=$ch
ch=$orders
seq 100 | chansend "$orders"
status 127 chanrecv -e "$orders" -- "$tmp/bill"
is "orders left, no bill" "$(chanctl stat -H -o DEPTH "$orders")" 100
program bill <<END
read -r order
if [ "\$order" = 3 ] && ! [ -e $tmp/died ]; then
	: >$tmp/died
	kill -KILL \$\$
fi
exec chansend $receipts "receipt \$order"
END
status 0 chanrecv -e --backoff=10ms "$orders" -- "$tmp/bill"
says "bill was killed by signal 9; message 3 is tried again"
is "a receipt for each order" "$(chanrecv -N "$receipts" | sort | cksum)" "$(seq -f 'receipt %g' 100 | sort | cksum)"

# ---- signals ----

program slow <<END
trap 'echo TERM >>$tmp/log; exit 1' TERM
read -r message
echo \$\$ >$tmp/pid
read -r go <$tmp/go
echo "\$message" >>$tmp/log
END
mkfifo "$tmp/go"
ch=$orders
started() { [ -s "$tmp/pid" ]; }
start() { # chanrecv in the background, with a child that waits
	rm -f "$tmp/pid"
	: >"$tmp/log"
	chansend "$ch" "$@"
	env --default-signal=INT,HUP,TERM chanrecv "$ch" -- "$tmp/slow" 2>"$tmp/err" &
	worker=$!
	happens started
	child=$(cat "$tmp/pid")
}

# The first: no new message, and the child finishes.
for sig in TERM INT HUP; do
	start first second
	kill -$sig $worker
	echo go >"$tmp/go"
	case $sig in TERM) wanted=143 ;; INT) wanted=130 ;; HUP) wanted=129 ;; esac
	ended $worker $wanted
	is "finished after $sig" "$(cat "$tmp/log")" first
	is "left after $sig" "$(left)" second
done
# What is pending is one signal, so the next comes when the last has been seen.
caught() { # the worker has none pending
	pending=$(sed -n 's/^...Pnd:[[:space:]]*//p' "/proc/$worker/status" | tr -d '0\n')
	[ -z "$pending" ]
}
# The second is passed on.
start first second
kill -TERM $worker
happens caught
kill -TERM $worker
ended $worker 143
is "passed on by the second" "$(cat "$tmp/log")" TERM
is "left after the second" "$(left)" $'first\nsecond'
# The third kills, and all of the group.
program slow <<END
trap '' TERM
read -r message
sleep 1000 &
echo \$! >$tmp/grandchild
echo \$\$ >$tmp/pid
wait
END
start first
for _ in 1 2 3; do
	kill -TERM $worker
	happens caught
done
ended $worker 143
happens gone "$(cat "$tmp/grandchild")"
is "left after the third" "$(left)" first

# ---- kill -9 of each ----

# The child: its message comes again, and the next one meanwhile.
program slow <<END
read -r message
echo \$\$ >$tmp/pid
read -r go <$tmp/go
END
start first second
kill -KILL "$child"
another() { [ "$(cat "$tmp/pid")" != "$child" ]; }
happens another
kill -TERM $worker
echo go >"$tmp/go"
ended $worker 143
is "left after the child's death" "$(left)" first
# chanrecv: the child is killed, too, before it can end its work.
start first second
kill -KILL $worker
ended $worker 137 2>/dev/null
happens gone "$child"
is "left after its death" "$(left)" $'first\nsecond'

# All of it, again and again, with orders that come meanwhile: each has its receipt.
channel && orders=$ch
channel && receipts=$ch
ch=$orders
program bill <<END
read -r order
exec chansend $receipts "receipt \$order"
END
seq 300 | chansend "$orders"
until depth 0 "$orders"; do
	chanrecv --idle-exit=10ms --max-deliver=0 --backoff=10ms "$orders" -- "$tmp/bill" 2>/dev/null &
	worker=$!
	for _ in 1 2 3; do
		sleep 0.0$((RANDOM % 6))
		pkill -KILL -P $worker 2>/dev/null
		alive $worker || break
	done
	kill -KILL $worker 2>/dev/null
	wait $worker
done 2>/dev/null
is "receipts after many kills" "$(chanrecv -N "$receipts" | sort -u | cksum)" \
	"$(seq -f 'receipt %g' 300 | sort | cksum)"

finish
