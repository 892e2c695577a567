#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A line that is wrong costs its file and nothing more: what can't be read keeps what it
# said last, over a reload, a restart and a kill; chand --check says all of it before.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
d=$etc/channels.d
a=$prefix-a b=$prefix-b
check_config() { "$BUILD/chand" --check --config-dir="$etc" "$@"; }
said() { check "which is said: $1" grep -q -e "$1" "$t/said"; }
is_declared() { reported origin=declared INFO "name=$a" && reported send=1234 INFO "name=$a"; }

# --check: one by one.  It needs no chand, no rights and no runtime directory.
check "nothing at all is right" check_config
check "and says nothing" test ! -s "$t/out"
fails 2 "a directory that is not there" "$BUILD/chand" --check --config-dir="$etc/none"
said "$etc/none: No such file or directory"
# wrong LINES WHAT: the file with these lines (of printf) is refused, by line.
wrong() {
	# shellcheck disable=SC2059 # that is what it is
	printf "$1" >"$d/$a.conf"
	fails 2 "refused: $1" check_config
	said "$d/$a.conf: $2"
	rm "$d/$a.conf"
}
right() {
	# shellcheck disable=SC2059
	printf "$1" >"$d/$a.conf"
	check "right: $1" check_config
	rm "$d/$a.conf"
}
wrong '' 'there is no \[channel\] in it'
wrong '# capacity = 4K\n' 'there is no \[channel\] in it'
wrong '[channel]\ncapacity=64K\nsend=1\nsend=2\n' 'line 4: send is given in line 3 already'
wrong '[channel]\ncapacity=64K\n[channel]\ncapacity=1M\n' 'line 4: capacity is given in line 2 already'
wrong '[channel]                   [channel]\ncapacity = 4M    capacity = 1M\n' 'line 1: not one \[section\]'
wrong '[channel]\ncapacity = 4M    capacity = 1M\n' "line 2: capacity: '4M    capacity = 1M' is not"
wrong '[Channel]\ncapacity=64K\n' 'line 2: no section \[Channel\]; there is \[channel\]'
wrong '[channel]\nCapacity=64K\n' "line 2: unknown key 'Capacity'"
wrong '[channel]\nmax_message=1K\n' "line 2: unknown key 'max_message'"
wrong '[channel]\ncapacity=64K # big\n' "line 2: capacity: '64K # big' is not a size"
wrong 'capacity=64K\n' 'line 1: before the line \[channel\]'
wrong '[channel]\nsend="1"\n' "line 2: there is no user '\"1\"'"
wrong '[channel]\nsend=no-such-user\n' "line 2: there is no user 'no-such-user'"
wrong '[channel]\nactivate=on\n' "line 2: activate: 'on' is not yes or no"
wrong '[channel]\nlinger=1s\n' 'linger is for lifetime=ref'
right '[channel]\n'
right '\xef\xbb\xbf[channel]\r\ncapacity=64K\r\n'
right '[channel]\nsend=1 2\n; comment\n'

ln -s /nonexistent "$d/$a.conf"
mkfifo "$d/$b.conf"
mkdir "$d/$prefix-c.conf" "$d/$prefix-d.conf.d"
cp /dev/null "$d/ $prefix.conf"
cp /dev/null "$d/$prefix.CONF"
cp /dev/null "$d/$prefix.conf~"
printf '[channel]\n' >"$d/$prefix-d.conf"
printf 'nonsense\n[channel]\nmode=9\n' >"$d/$prefix-d.conf.d/1.conf"
printf '[quota]\nchannels=2\n[quota]\nchannels=3\n[quota 77]\nbytes=1\n[quota no-such-user]\nbytes=1\n[chand]\nlooop=auto\n' >"$etc/chand.conf"
fails 2 "all that is wrong, at once" check_config
said "$etc/chand.conf: line 4: channels is given in line 2 already"
said "$etc/chand.conf: line 8: there is no user 'no-such-user'"
said "$etc/chand.conf: line 10: no key 'looop'"
said "$d/$a.conf: a link to a file that is not there"
said "$d/$b.conf: not a file of at most"
said "$d/$prefix-c.conf: not a file of at most"
said "$d/ $prefix.conf: the file's name, without .conf, is no channel's name"
said "$d/$prefix.CONF: not used: its name does not end in .conf"
said "$d/$prefix.conf~: not used"
said "$d/$prefix-d.conf.d/1.conf: line 1: not 'key = value'"
said "$d/$prefix-d.conf.d/1.conf: line 3: mode: '9' is not a mode"
check "and nothing else" equal "$(wc -l <"$t/said")" 11
check "it needs no rights" as "$keeper" - "$BUILD/chand" --check --config-dir="$t"
check "as a user's" env -u XDG_RUNTIME_DIR -u HOME XDG_CONFIG_HOME="$t" "$BUILD/chand" --check --user
check "nothing was started" test ! -e "$run"
rm -rf "$d" "$etc/chand.conf"
mkdir "$d"

# A channel that its users have; then its file is edited wrongly.
declare_channel "$a" 'capacity = 64K' 'send = 1234' 'receive = 1235' 'activate = yes' 'dead-letter = letters'
start
check "declared" is_declared
check "where dead messages go" equal "$(chanctl stat -H -o DEAD-LETTER "$a")" "$keeper/letters"
check "nothing is refused" reported refused=0 STATUS
check "a message" chansend "$a" kept
declare_channel "$a" 'capacity = 64K' 'send = 1234' 'receive 1235'
declare_channel "$b" 'send = no-such-user'
kill -HUP "$bus_pid"
await "the reload says which files" logged "configuration was read again, but for wrong files, which change nothing: $d/$a.conf $d/$b.conf;"
check "and the line" logged "$a: $d/$a.conf: line 4: not 'key = value'; refused as a whole"
check "so does the status" reported refused=2 STATUS
check "so does the status" reported "refused-files=$d/$a.conf $d/$b.conf" STATUS
check "it stays as it was" is_declared
check "the other is not there" test ! -e "$(segment "$b")"
for how in stop 'kill -9'; do
	if [ "$how" = stop ]; then stop; else
		kill -9 "$bus_pid"
		wait "$bus_pid" 2>/dev/null
	fi
	start
	check "it is declared after a restart ($how)" is_declared
	check "with all of its rights ($how)" reported receive=1235 INFO "name=$a"
	check "and its file ($how)" reported "file=$d/$a.conf" INFO "name=$a"
	check "and is ready for its service ($how)" reported activate=yes INFO "name=$a"
	await "as it says by its file ($how)" test -e "$run/ready/$a"
done
check "removed, it is made anew as it was" chanctl remove "$a"
await "with its rights" is_declared
if [ "$(id -u)" = 0 ]; then
	check "its user sends" as 1234 - "$BUILD/chansend" "$keeper/$a" x
fi

# A drop-in counts as well; so does a file that can't be read, or is empty for a moment.
mkdir "$d/$a.conf.d"
declare_channel "$a" 'capacity = 64K' 'send = 1234' 'receive = 1236' 'activate = yes'
printf '[channel]\nmode = 0666' >"$d/$a.conf.d/1.conf"
kill -HUP "$bus_pid"
await "with its drop-in" reported mode=0666 INFO "name=$a"
: >"$d/$a.conf.d/1.conf"
stop
start
check "an empty drop-in changes nothing" reported mode=0666 INFO "name=$a"
rm -r "$d/$a.conf.d"
: >"$d/$a.conf"
kill -HUP "$bus_pid"
await "an empty file is refused" logged "$d/$a.conf: there is no .channel. in it"
stop
start
check "and changes nothing" reported receive=1236 INFO "name=$a"

# Right again, it counts at once.
declare_channel "$a" 'capacity = 64K' 'send = 4321'
kill -HUP "$bus_pid"
await "right again" reported send=4321 INFO "name=$a"

# A directory that can't be read is not one that declares nothing.
if [ "$(id -u)" = 0 ]; then
	chmod 0 "$d"
	kill -HUP "$bus_pid"
	await "a directory that can't be read" logged "$d: Permission denied"
	check "undeclares nothing" reported origin=declared INFO "name=$a"
	stop
	start
	check "over a restart" reported send=4321 INFO "name=$a"
	chmod 755 "$d"
	kill -HUP "$bus_pid"
	await "and can be read again" reported origin=declared INFO "name=$a"
fi

# Declared no more, it stays as it was, until it is removed.
rm "$d/$a.conf" "$d/$b.conf"
kill -HUP "$bus_pid"
await "undeclared" reported origin=adopted INFO "name=$a"
check "with its rights" reported send=4321 INFO "name=$a"
stop
start
check "over a restart" reported send=4321 INFO "name=$a"
check "until it is removed" chanctl remove "$a"
check "then nothing is kept" equal "$(ls "$run/declared")" ''
check "what is made later has no such rights" chanctl create --system -c 4K "$a"
check "what is made later has no such rights" reported send= INFO "name=$a"
check "removed" chanctl remove "$a"

# What is kept is read only if it is chand's own, and whole.
declare_channel "$a" 'capacity = 64K' 'send = 1234'
kill -HUP "$bus_pid"
await "declared" is_declared
stop
declare_channel "$a" 'capacity = 64K' nonsense
keep touch "$run/declared/$a.conf.new"
if [ "$(id -u)" = 0 ]; then
	chown 0 "$run/declared/$a.conf"
	chmod 644 "$run/declared/$a.conf"
	start
	check "another user's file is not taken for its own" reported send= INFO "name=$a"
	check "which is said" logged "$a: $run/declared/$a.conf: Operation not permitted"
	stop
	chown "$keeper" "$run/declared/$a.conf"
fi
keep sh -c "echo '[channel' >'$run/declared/$a.conf'"
start
check "nor one that is ruined" reported send= INFO "name=$a"
check "which is said" logged "$a: $run/declared/$a.conf: it can't be understood"
check "what a killed one left is gone" test ! -e "$run/declared/$a.conf.new"
stop

# chand.conf.
rm -f "$d"/* "$(segment "$a")"
me=$(id -u)
[ "$me" != 0 ] || me=7777
printf '[chand]\ncreate = %s\n[quota]\nchannels = 2\n[quota 7778]\nchannels = 9\n' "$me" >"$etc/chand.conf"
start
quota() { as "$me" - "$BUILD/tests/daemon/prog_ask" STATUS | grep -q "your-channels=[0-9]*/$1\$"; }
check "its quota" quota 2
printf '[quota no-such-user]\nchannels = 1\n' >"$etc/chand.conf"
: >"$t/log"
kill -HUP "$bus_pid"
await "an unknown user" logged "chand.conf: line 2: there is no user 'no-such-user'; refused as a whole"
await "the reload says it" logged "but for wrong files, which change nothing: $etc/chand.conf"
check "changes nothing" quota 2
stop
start
check "nor at a restart" quota 2
check "which is said" logged "what it said before it was changed counts"
[ "$me" != "$keeper" ] && check "which may create, too" as "$me" - "$BUILD/chanctl" create --system -c 4K "$b" &&
	check "removed" chanctl remove "$b"
stop
rm "$run/chand.conf"
: >"$t/log"
start
check "if it was never right, it starts with care" logged "until chand.conf is right, only root may ask for channels"
[ "$me" = "$keeper" ] || fails 4 "others may not" as "$me" - "$BUILD/chanctl" create --system -c 4K "$b"
stop
finish "wrong configurations"
