#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Run by boot.sh in the booted container, as root.

BUILD=none SAY_OK=1
# shellcheck source=tests/support/lib.sh
. /usr/lib/tests/support/lib.sh
bound=20
main_pid() {
	systemctl show -p MainPID --value chand.service
}
as() { # USER COMMAND...
	setpriv --reuid="$1" --regid="$(id -g "$1")" --init-groups "${@:2}"
}
is_new() { # chand is another process than $1, and up
	local now
	now=$(main_pid)
	[ "$now" != 0 ] && [ "$now" != "$1" ] && systemctl -q is-active chand.service
}

useradd -m alice
useradd -m bob

check "the sockets listen" systemctl -q is-active chand.socket chand-metrics.socket
check "chand waits for the first client that asks" equal "$(systemctl is-active chand.service)" inactive
check "the runtime directory is chand's" equal "$(stat -c %U:%a /run/chand)" chand:755

# Socket activation, by a library call of an ordinary user.
# The library waits a second for an answer, which the first start may exceed.
await "a user's first message starts chand" as alice chansend chand/orders one
# It answers before systemd has read that it is ready.
await "chand runs" systemctl -q is-active chand.service
check "as its own user" equal "$(stat -c %U "/proc/$(main_pid)")" chand
check "and another user receives it" equal "$(as bob chanrecv -1 -W 20 chand/orders)" one
check "the segment is chand's" equal "$(stat -c %U:%a "/dev/shm/shmchan.$(id -u chand).orders")" \
	chand:666
# journald writes when it has time; this is the last that chand says as it starts.
await "the log says how it waits" sh -c 'journalctl -u chand.service -o export >/tmp/journal
	grep -Eq "^MESSAGE=chand keeps .* waits with (io_uring|epoll)" /tmp/journal'
check "a bad file is refused by its line" grep -q '^MESSAGE=broken: .*line 3' /tmp/journal
check "with fields" grep -qx 'CHAND_CHANNEL=broken' /tmp/journal
grep -E '^MESSAGE=chand (keeps|waits with)' /tmp/journal | sed 's/^/    /'

# Rights: nobody may receive from jobs; alice may do nothing with it.
as alice chansend chand/jobs x >/dev/null 2>&1
check "no right, status 4" equal $? 4
as bob chanctl create chand/mine >/dev/null 2>&1
check "a user outside the group chand creates nothing" equal $? 4
usermod -aG chand bob
check "one in it does" as bob chanctl create chand/mine
check "and removes it" as bob chanctl remove chand/mine

# A channel as a unit.
check "a unit that requires a channel" systemctl start needs-mail.service
check "its message is there" equal "$(chanrecv -1 chand/mail)" "from a unit"
check "it is removed" chanctl remove chand/mail

# One that can't be made.
check "a channel of no valid name fails" sh -c '! systemctl start chan@.mail.service 2>/dev/null'
check "the doctor says so" sh -c 'chanctl doctor --system | grep -q "chan@.mail.service has failed"'
systemctl reset-failed chan@.mail.service
check "no more" sh -c '! chanctl doctor --system | grep -q "has failed"'

# A worker by path.
systemctl start chan-ready@jobs.path
check "three jobs" sh -c 'for i in 1 2 3; do chansend chand/jobs job$i || exit; done'
await "the worker started and did them" sh -c 'cat /tmp/systemd-private*/tmp/jobs.out /tmp/jobs.out \
	2>/dev/null | sort -u | wc -l | grep -qx 3'
await "nothing is ready any more" test ! -e /run/chand/ready/jobs
check "one more" chansend chand/jobs job4
await "is done too" grep -qx job4 /tmp/jobs.out

# Killed under traffic.
chanctl create --capacity=64K chand/load
(i=0; while [ ! -e /tmp/enough ]; do echo $((++i)); done) | tee /tmp/sent | chansend --lines chand/load &
sender=$!
chanrecv chand/load >/tmp/received &
receiver=$!
for i in 1 2 3 4 5; do
	old=$(main_pid)
	before=$(wc -l </tmp/received)
	kill -9 "$old"
	await "killed, chand is back ($i)" is_new "$old"
	await "and messages flow" sh -c "test \$(wc -l </tmp/received) -gt $before"
done
check "asked while it is restarted, it answers" as alice chansend chand/orders two
check "systemctl restart" systemctl restart chand.service
check "systemctl reload" systemctl reload chand.service
touch /tmp/enough
wait $sender
check "the sender ended well" equal $? 0
chanctl close chand/load
wait $receiver
check "the receiver, too" equal $? 0
check "all messages came, once and in order" cmp /tmp/sent /tmp/received
echo "    $(wc -l </tmp/sent) messages"
check "what was sent before the restart is there" equal "$(as bob chanrecv -1 -W 20 chand/orders)" two
check "an asked-for channel outlived five kills" chanctl remove chand/load

# The metrics.
check "metrics, as text to the end" bash -c 'chanctl metrics | grep -q "^# EOF"'

mkdir -p /var/lib/prometheus/node-exporter
check "the timer of the textfile" systemctl start chand-textfile.timer
await "the metrics, as a textfile" grep -q "^# EOF" /var/lib/prometheus/node-exporter/chand.prom
check "it reports the channels" grep -q 'channel="orders"' /var/lib/prometheus/node-exporter/chand.prom
systemctl stop chand-textfile.timer

# The watchdog: a chand that does not answer is replaced.
old=$(main_pid)
kill -STOP "$old"
await "a stopped chand is replaced by the watchdog" is_new "$old"

# A new declaration.
printf '[channel]\nmode = 0666\n' >/etc/chand/channels.d/later.conf
check "reload" systemctl reload chand.service
await "a new declaration is served" as alice chansend chand/later three

# A user's own bus.
uid=$(id -u alice)
loginctl enable-linger alice
await "alice's manager runs" systemctl -q is-active "user@$uid.service"
user() {
	as alice env XDG_RUNTIME_DIR="/run/user/$uid" HOME=/home/alice "$@"
}
her_pid() { user systemctl --user show -p MainPID --value chand.service; }
her_new() { # her chand is another process than $1, and up
	local now
	now=$(her_pid)
	[ "$now" != 0 ] && [ "$now" != "$1" ] && user systemctl --user -q is-active chand.service
}
check "her socket" user systemctl --user start chand.socket
check "her chand waits for her" equal "$(user systemctl --user is-active chand.service)" inactive
check "asked, it starts and makes a channel" user chanctl create --user mine
await "it runs" user systemctl --user -q is-active chand.service
check "as hers" equal "$(stat -c %U "$(printf '/proc/%s' "$(her_pid)")")" alice
check "the segment is hers" equal "$(stat -c %U "/dev/shm/shmchan.$uid.mine")" alice
check "she uses it" user chansend mine x
old=$(her_pid)
kill -9 "$old"
await "killed, her chand is back" her_new "$old"
check "with her channel" user chanctl info --user mine
check "and her message" equal "$(user chanrecv -1 mine)" x
as bob env XDG_RUNTIME_DIR="/run/user/$uid" chanctl info --user mine >/dev/null 2>&1
check "bob is not served" test $? != 0
check "it goes" user chanctl remove mine
user systemctl --user stop chand.socket chand-metrics.socket chand.service
check "nothing of hers failed" equal "$(user systemctl --user list-units --failed --no-legend --plain)" ""

# The end.
check "removed" chanctl remove chand/orders
rm -f /etc/chand/channels.d/orders.conf /etc/chand/channels.d/later.conf
systemctl reload chand.service
# A reload returns before it is done: what is still declared would be made again.
await "nothing declares them any more" sh -c \
	'journalctl -u chand.service -o cat | grep -q "^later: no file declares it"'
chanctl remove chand/orders chand/later 2>/dev/null
systemctl stop chan-ready@jobs.path chand.socket chand-metrics.socket chand.service
check "it stopped well" equal "$(systemctl show -p Result --value chand.service)" success
check "nothing is left in /dev/shm" equal "$(find /dev/shm -name 'shmchan.*')" ""
check "no process is left" equal "$(pgrep -u chand)" ""
# With control groups of version 1 systemd does not learn that those of a user's manager
# are empty, so it often waits for its end in vain, and calls that a failure.
but='^$'
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || but='^user@'
check "nothing failed" equal \
	"$(systemctl list-units --failed --no-legend --plain | grep -v "$but")" ""

journalctl -u chand.service -o cat --no-pager | sed 's/^/    /' | tail -n 40
finish
