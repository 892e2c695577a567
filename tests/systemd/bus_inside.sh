#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Run by boot.sh in a booted container, as root: the bus of the README, by the README's
# own text, and what becomes of it when its parts are killed, stopped or broken.

BUILD=none SAY_OK=1
# shellcheck source=tests/support/lib.sh
. /usr/lib/tests/support/lib.sh
active() { systemctl -q is-active "$@"; }
inactive() { equal "$(systemctl is-active "$1")" inactive; }
as() { # USER COMMAND...
	setpriv --reuid="$1" --regid="$(id -g "$1")" --init-groups "${@:2}"
}
depth() { chanctl stat --system -H -o DEPTH "$1"; }

# ---- the README's text ----

# The one thing that it can't do here; boot.sh has done it.
install -m 755 /dev/stdin /usr/local/sbin/make <<'END'
#!/bin/sh
[ "$*" = install ]
END
umask 077 # somebody's is
for block in /usr/lib/readme/*.sh; do
	text=${block%.sh}.text
	if ! timeout 120 bash -e "$block" </dev/null >/tmp/said 2>/tmp/complained; then
		fail "README: this block fails:"
		cat "$block" /tmp/said /tmp/complained
	elif [ -e "$text" ] && ! cmp -s "$text" /tmp/said; then
		fail "README: this block prints something else:"
		cat "$block" /tmp/said
	else
		pass "README: $(sed -n 1p "$block")"
	fi
done
umask 022
check "the channels are as declared" equal \
	"$(chanctl list --system -H -o NAME | wc -l)" 2
check "a mailer may not send orders" sh -c '! setpriv --reuid=mailer --regid=mailer \
	--clear-groups chansend chand/orders x'

# Orders that web has taken are in /tmp/wanted, as the mails that are to come.
: >/tmp/wanted
cat /var/lib/mailer/* >>/tmp/wanted
order() { # WHAT
	as web chansend chand/orders -- "$(cat /proc/sys/kernel/random/uuid) $1" &&
		echo "receipt for $1" >>/tmp/wanted
}
mails() { # all that are wanted, each once
	sort /tmp/wanted >/tmp/sorted
	cat /var/lib/mailer/* | sort | diff - /tmp/sorted
}

# ---- kill -9 of each part ----

# With control groups of version 1 systemd does not learn that a unit's last process is gone, if it
# did not know that process: a worker whose chanrecv was killed is then started again only after the
# time that a stop may take.
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
	install -D -m 644 /dev/stdin /etc/systemd/system/chan-worker@.service.d/version-1.conf <<'END'
[Service]
TimeoutStopSec=15s
END
	systemctl daemon-reload
fi

main_killed() { # SERVICE
	local pid
	pid=$(systemctl show -p MainPID --value "$1") && [ "$pid" != 0 ] && kill -KILL "$pid"
}
# One that lives for a millisecond: looked for without starting a process.
killed() { # PATTERN
	local p words i
	for ((i = 0; i < 100; i++)); do
		for p in /proc/[0-9]*; do
			words=()
			{ mapfile -d '' -t words <"$p/cmdline"; } 2>/dev/null
			[[ ${words[*]} =~ $1 ]] && kill -KILL "${p#/proc/}" 2>/dev/null && return
		done
	done
	false
}
(i=0; until [ -e /tmp/enough ]; do order "$((++i)) pears" || echo "order $i: $?"; done) >/tmp/orders 2>&1 &
await "billing's chanrecv is killed" main_killed chan-worker@orders.service
await "bill is killed" killed '^/bin/sh /usr/local/bin/bill$'
await "bill's chansend is killed" killed '^chansend chand/receipts'
await "mailer's chanrecv is killed" main_killed chan-worker@receipts.service
await "send-mail is killed" killed '^/bin/sh /usr/local/bin/send-mail$'
await "chand is killed" main_killed chand.service
await "and billing's chanrecv once more" main_killed chan-worker@orders.service
touch /tmp/enough
wait
check "every order was taken" test ! -s /tmp/orders || cat /tmp/orders
await "a mail for each order, whoever was killed" mails ||
	systemctl status --no-pager chan-worker@orders.service chan-worker@receipts.service chan-worker@orders.path chand.service
echo "    $(wc -l </tmp/wanted) mails"

# ---- a bill that is missing, or fails ----

mv /usr/local/bin/bill /usr/local/bin/bill.away
for i in 1 2 3; do order "$i quinces"; done
await "it says that bill is missing" sh -c \
	"journalctl -u chan-worker@orders.service -o cat | grep -q \"bill can't be run (status 127)\""
check "the orders are kept" equal "$(depth orders)" 3
install -m 755 /dev/stdin /usr/local/bin/bill <<'END'
#!/bin/sh
echo "out of ink" >&2
exit 1
END
await "it says that bill fails" sh -c \
	"journalctl -u chan-worker@orders.service -o cat | grep -q 'bill ended with status 1'"
check "the orders are kept" equal "$(depth orders)" 3
mv /usr/local/bin/bill.away /usr/local/bin/bill
await "repaired, it works them off" mails

# ---- whatever the rate, activation goes on ----

# How often systemd has given the path unit up, because it or the worker was started too often.
mkdir -p /etc/systemd/system/chan-ready-again@.service.d
printf "[Service]\nExecStartPre=/bin/sh -c 'echo >>/run/limits'\n" \
	>/etc/systemd/system/chan-ready-again@.service.d/count.conf
: >/run/limits
limits() { wc -l </run/limits; }
drop_in() { # FILE: for the worker, from stdin
	cat >"/etc/systemd/system/chan-worker@orders.service.d/$1"
	systemctl daemon-reload
}
# As many starts as there are orders: it ends as soon as there is none.  However long the time
# between two, that is the same.
drop_in short.conf <<<$'[Service]\nEnvironment="OPTIONS=--idle-exit=10ms --max-deliver=0"'
systemctl restart chan-worker@orders.service
for i in $(seq 12); do
	order "$i one a second"
	sleep 1 # the rate is what is tested
done
await "one order a second" mails
check "the path is active" active chan-worker@orders.path
await "the worker ended idle" inactive chan-worker@orders.service
check "and well" equal "$(systemctl show -p Result --value chan-worker@orders.service)" success
seq 2000 | sed 's/$/ of a thousand a second/' | while read -r what; do
	echo "$(cat /proc/sys/kernel/random/uuid) $what"
done >/tmp/burst
sed 's/^[^ ]* /receipt for /' /tmp/burst >>/tmp/wanted
as web chansend --lines --rate=1000/s chand/orders </tmp/burst
# In steps, each with a bound of its own: a slow machine works them off as well.
for channel in orders receipts; do
	for left in 1600 1200 800 400 0; do
		await "of 2000, $left are left in $channel" sh -c \
			"test \$(chanctl stat --system -H -o DEPTH $channel) -le $left"
	done
done
await "and have their mails" mails
check "no limit was met" equal "$(limits)" 0

# A worker without a command, and one that can't start at all: they are tried again, at a pace.
drop_in zz.conf <<<$'[Service]\nEnvironment=COMMAND='
order "without a command"
await "a worker without a command is tried again" sh -c \
	'test $(systemctl show -p NRestarts --value chan-worker@orders.service) -ge 2'
check "at a pace" equal "$(limits)" 0
rm /etc/systemd/system/chan-worker@orders.service.d/zz.conf
systemctl daemon-reload
await "repaired, it works" mails

# What is stopped ends what it has begun, and begins no other.
mv /usr/local/bin/bill /usr/local/bin/bill.away
install -m 755 /dev/stdin /usr/local/bin/bill <<'END'
#!/bin/sh
: >/tmp/billing/began
until [ -e /tmp/billing/go ]; do sleep 0.01; done
exec bill.away
END
install -d -o billing /tmp/billing
order "one in hand"
order "another one"
await "one has begun" test -e /tmp/billing/began
systemctl stop chan-worker@orders.path
systemctl stop chan-worker@orders.service &
stopper=$!
await "the worker is to stop" sh -c \
	'test "$(systemctl is-active chan-worker@orders.service)" = deactivating'
touch /tmp/billing/go
check "it stops" wait $stopper
check "well" equal "$(systemctl show -p Result --value chan-worker@orders.service)" success
check "the one in hand is done, and the other one kept" equal "$(depth orders)" 1
mv /usr/local/bin/bill.away /usr/local/bin/bill
systemctl start chan-worker@orders.path
await "started again, it is worked on" mails

# A unit with a limit, as people write them: one order a second takes it to its 5 starts in 10
# seconds, and then it goes on.
drop_in limit.conf <<<$'[Unit]\nStartLimitIntervalSec=10s\n[Service]\nRestart=no'
systemctl restart chan-worker@orders.service
(i=0; until [ -e /tmp/limited ]; do order "$((++i)) to the limit"; sleep 0.2; done) &
await "the limit was reached twice" sh -c 'test $(wc -l </run/limits) -ge 2'
touch /tmp/limited
wait
await "and orders were worked off all the same" mails
await "the path is active" active chan-worker@orders.path
# One that can't start at all: it is tried again, at a pace.
drop_in zz.conf <<<$'[Service]\nExecStart=\nExecStart=/bin/false'
before=$(limits)
order "after a broken worker"
await "a broken worker is tried again and again" sh -c \
	"test \$(wc -l </run/limits) -ge $((before + 3))"
rm /etc/systemd/system/chan-worker@orders.service.d/{short,limit,zz}.conf
systemctl daemon-reload
await "repaired, it works" mails
await "the path is active" active chan-worker@orders.path
systemctl stop chan-worker@orders.path
check "a path that is stopped stays stopped" inactive chan-worker@orders.path
order "while it was stopped"
systemctl start chan-worker@orders.path
await "started again, it starts the worker" mails

# ---- the bus stopped and started again ----

mailer=$(systemctl show -p MainPID --value chan-worker@receipts.service)
systemctl stop chand.socket
check "stopped, chand is" inactive chand.service
check "the services go on" active chan-worker@receipts.service chan-worker@orders.path web.socket
check "and are the same" equal "$(systemctl show -p MainPID --value chan-worker@receipts.service)" "$mailer"
systemctl start chand.socket
await "started again, chand is back" active chand.service
order "after the bus was back"
await "and activates" mails
systemctl restart chand-metrics.socket
await "the other socket restarted, chand is back" active chand.service
check "the services go on" equal "$(systemctl show -p MainPID --value chan-worker@receipts.service)" "$mailer"

# ---- a channel as a unit ----

check "the unit makes a channel that is not declared" systemctl start chan@mine.service
check "it is there" chanctl info --system mine
check "it is removed" chanctl remove chand/mine
check "no unit says that it is there" inactive chan@mine.service
check "started again" systemctl start chan@mine.service
check "it is there again" chanctl info --system mine
# A chand that can't answer for a while, as when it is restarted, is no failure.
chanctl remove chand/mine
chand=$(systemctl show -p MainPID --value chand.service)
kill -STOP "$chand"
systemctl start chan@mine.service &
starter=$!
await "it can't be asked for" sh -c \
	'journalctl -u chan@mine.service -o cat | grep -q "^chanctl: "'
kill -CONT "$chand"
check "it is made all the same" wait $starter
check "it is there" chanctl info --system mine
# A service that wants it gets it whenever it starts.
cat >/run/systemd/system/user-of-mine.service <<'END'
[Unit]
Wants=chan@mine.service
After=chan@mine.service
[Service]
ExecStart=chanrecv chand/mine -- sh -c 'cat >>/tmp/mine; echo >>/tmp/mine'
END
systemctl daemon-reload
chanctl remove chand/mine
check "a service that wants it" systemctl start user-of-mine.service
check "its channel is there" chansend chand/mine one
await "and received from" grep -qx one /tmp/mine
chanctl remove chand/mine
check "removed, and the service restarted" systemctl restart user-of-mine.service
check "its channel is there" chansend chand/mine two
await "and received from" grep -qx two /tmp/mine
systemctl stop user-of-mine.service
chanctl remove chand/mine

# ---- the end ----

none_failed() { equal "$(systemctl list-units --failed --no-legend --plain)" ""; }
await "nothing failed" none_failed
systemctl stop web.socket chan-worker@receipts.service chan-worker@orders.service chan-worker@orders.path chand.socket
check "no process is left" equal "$(pgrep -u chand,web,billing,mailer)" ""
finish
