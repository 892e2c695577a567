#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each exit status of chanctl, and the line that comes with it, which
# says what is wrong with which channel, and what to do.

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

# expect STATUS COMMAND...: with what it writes in $out and $err
expect() {
	status "$@"
	out=$(<"$tmp/out") err=$(<"$tmp/err")
}

# line PATTERN: it is the one line on stderr.
line() {
	# shellcheck disable=SC2053 # it is a pattern
	[[ $err == $1 ]] && pass || fail "'$err' is not '$1'"
	is "lines of '$err'" "$(wc -l <<<"$err")" 1
	is "stdout besides '$err'" "$out" ''
}

# As another user, which has a group of its own and none of ours.
other() { setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$PATH" "$@"; }

# usage COMMAND...: 2, a line, and where to look.
usage() {
	expect 2 "$@"
	[ "$(wc -l <<<"$err")" = 2 ] && [[ $err == 'chanctl: '*$'\n'"Try 'chanctl"*"--help'"* ]] ||
		fail "'$*' line: $err"
}

channel
channels+=("$ch".{x,second,mine,ro,rw})
segment=/dev/shm/shmchan.$(id -u).$ch

# 2, of options and operands
usage chanctl
usage chanctl nosuch
usage chanctl list --nosuch
usage chanctl -X list
usage chanctl create
usage chanctl create a b
usage chanctl remove
usage chanctl remove --now "$ch"
usage chanctl list a b
usage chanctl stat
usage chanctl stat -w0 "$ch"
usage chanctl stat --watch=x "$ch"
usage chanctl list --json=ugly
usage chanctl -J create "$ch.x"
usage chanctl -o NAME create "$ch.x"
usage chanctl -b wait "$ch" empty
usage chanctl monitor -o NAME
usage chanctl create --owner=root "$ch.x"
usage chanctl create --group=root "$ch.x"
usage chanctl create --lifetime=daemon "$ch.x"
usage chanctl create --linger=1s "$ch.x"
usage chanctl create -k rendezvous -c 1M "$ch.x"
usage chanctl create -k queue -c 0 "$ch.x"
usage chanctl create -c 0 -k queue "$ch.x"
usage chanctl create -c 0 -o drop-old "$ch.x"
for arg in --capacity=x --capacity=-1 --capacity=1.5M --capacity=99999999999999999999 \
	--max-message=0 --max-message=5G --overflow=never --mode=999 --mode=rw --endpoints=0 \
	--endpoints=5000 --lifetime=x --linger=soon --kind=multicast; do
	usage chanctl create "$arg" "$ch.x"
	[[ $err == *"${arg%%=*}: '${arg#*=}'"* ]] || fail "'$arg': $err"
done
expect 2 chanctl create --mode=0060 "$ch.x"
line "chanctl: $ch.x: these options do not describe a valid channel: mode: its owner could not use*; 0600 must be in it*"
expect 2 chanctl create -c 4K -m 1M "$ch.x"
line "chanctl: $ch.x: these options do not describe a valid channel: max_message: *needs a capacity of 1048608*"
expect 1 chanctl test "$ch.x" exists

# 2, of names
for name in '' . .a a/b/c /a a/ 'a b' 'ä' 'a*' "$(printf '%0201d' 0)"; do
	expect 2 chanctl create "$name"
	line "chanctl: $name: bad channel name; it is NAME or OWNER/NAME*"
	expect 2 chanctl remove "$name"
	expect 2 chanctl stat "$name"
	expect 2 chanctl test "$name" exists
done
long=$ch$(printf '%0*d' $((200 - ${#ch})) 0)
expect 0 chanctl create -c 4K "$long"
expect 0 chanctl remove "$long"

# 1
expect 1 chanctl create "$ch"
line "chanctl: $ch: the channel exists already; *remove*"
chanctl list >/dev/full 2>"$tmp/errors"
status=$?
out='' err=$(<"$tmp/errors")
[ $status = 1 ] || fail "a full stdout gives $status"
line "chanctl: can't write to stdout: No space left on device"

# 1, limits of this process: an error, and no SIGXFSZ
expect 1 bash -c 'ulimit -f 100; exec chanctl create "$1"' - "$ch.x"
line "chanctl: $ch.x: the segment needs * bytes, and RLIMIT_FSIZE allows files of 102400; raise 'ulimit -f'*"
expect 1 bash -c 'ulimit -f 100; exec chansend -c "$1" x' - "$ch.x"

# 4, what is no segment
ln -s /nonexistent "/dev/shm/shmchan.$(id -u).$ch.x"
for verb in stat info close purge; do
	expect 4 chanctl $verb "$ch.x"
	line "chanctl: $ch.x: not allowed: *symbolic link*; *remove what is in the way"
done
rm "/dev/shm/shmchan.$(id -u).$ch.x"

# 3
for verb in stat info remove close purge; do
	expect 3 chanctl $verb "$ch.gone"
	line "chanctl: $ch.gone: no such channel; *chanctl create*"
done
for verb in stat create remove; do
	expect 3 chanctl $verb "nobody-has-this-name/$ch"
	line "chanctl: nobody-has-this-name/$ch: there is no user 'nobody-has-this-name'*"
done
expect 0 chanctl test "nobody-has-this-name/$ch" gone

# More channels than descriptors: a list needs one at a time.
for ((i = 0; i < 12; i++)); do
	channels+=("$ch.many.$i")
	chanctl create -c 4K "$ch.many.$i"
done
expect 0 bash -c 'ulimit -n 8; exec chanctl list -H -o STATE "$1*"' - "$ch.many"
is 'with 8 descriptors' "$(sort <<<"$out" | uniq -c | tr -s ' ')" ' 12 open'
chanctl remove "$ch".many.{0..11}

# 9, damaged
cp --sparse=never "$segment" "$tmp/sound"
printf '\0' | dd of="$segment" bs=1 conv=notrunc status=none # the magic
for verb in stat info close purge; do
	expect 9 chanctl $verb "$ch"
	line "chanctl: $ch: *damaged; *chanctl remove*"
done
expect 9 chanctl wait "$ch" empty
expect 0 chanctl test "$ch" exists
expect 0 chanctl list -H -o NAME,STATE,DEPTH "$ch"
[ "$(tr -s ' ' <<<"$out")" = "$ch damaged -" ] || fail "$out"
expect 0 chanctl list -J -o STATE,DEPTH "$ch"
[ "$out" = '[{"state":"damaged","depth":null}]' ] || fail "$out"
truncate -s 100 "$segment"
expect 9 chanctl stat "$ch"
expect 0 chanctl remove "$ch"

# 9, of another version
chanctl create "$ch"
printf '\143' | dd of="$segment" bs=1 seek=8 conv=notrunc status=none
for verb in stat info close purge; do
	expect 9 chanctl $verb "$ch"
	line "chanctl: $ch: *another version of shmchan*; *use the version*"
done
expect 0 chanctl list -H -o NAME,STATE "$ch"
[ "$(tr -s ' ' <<<"$out")" = "$ch other-format" ] || fail "$out"
expect 0 chanctl remove "$ch"

# 9, found while in use: the ring is written over, behind the header of one page
# and whatever else there is before the first message.
chanctl create -c 4K -m 1000 "$ch"
chansend "$ch" aaaaaaaaaaaaaaaa
at=$(grep -abo aaaaaaaaaaaaaaaa "$segment" | cut -d: -f1)
head -c 16 /dev/zero | tr '\0' '\377' |
	dd of="$segment" bs=1 seek=$((at - 16)) conv=notrunc status=none
expect 9 chanrecv -N "$ch"
expect 0 chanctl list -H -o STATE "$ch"
[ "$out" = damaged ] || fail "$out"
expect 0 chanctl info -H -o STATE "$ch"
expect 1 chanctl doctor
[[ $out == *problem*"$ch: damage was found in it"*"to do: "*"chanctl remove $ch"* ]] || fail "$out"
expect 0 chanctl remove "$ch"

# 4 and the space of /dev/shm need root
if has root users; then
	chanctl create "$ch.mine"
	chanctl create --mode=0644 "$ch.ro"
	chanctl create --mode=0666 "$ch.rw"
	for verb in stat info close purge; do
		expect 4 other chanctl $verb "root/$ch.mine"
		line "chanctl: root/$ch.mine: no permission for this channel; its owner must*"
	done
	for verb in close purge; do
		expect 4 other chanctl $verb "0/$ch.ro"
	done
	for name in mine ro rw; do
		expect 4 other chanctl remove "root/$ch.$name"
		line "chanctl: root/$ch.$name: no permission; only its owner and root may remove it"
	done
	expect 4 other chanctl create "root/$ch.squat"
	expect 4 chanctl create "65534/$ch.squat"

	# Reading needs no permission to write.
	expect 0 other chanctl stat -J "root/$ch.ro"
	expect 0 other chanctl info "root/$ch.ro"
	expect 0 other chanctl test "root/$ch.ro" empty
	expect 0 other chanctl wait -W 0 "root/$ch.ro" empty
	expect 0 other chanctl test "root/$ch.mine" exists
	expect 0 other chanctl list -H -o NAME,STATE "*/$ch.*"
	[ "$(tr -s ' ' <<<"$out")" = "root/$ch.mine denied
root/$ch.ro open
root/$ch.rw open" ] || fail "$out"
	expect 0 other chanctl purge "root/$ch.rw"
	chanctl remove "$ch.mine" "$ch.ro" "$ch.rw"

	# A file of another user under our name.
	other sh -c "cat '$tmp/sound' >/dev/shm/shmchan.0.$ch" <"$tmp/sound" 2>/dev/null ||
		other sh -c "head -c 90000 /dev/zero >/dev/shm/shmchan.0.$ch"
	expect 4 chanctl stat "$ch"
	expect 0 chanctl list -H -o STATE "$ch"
	[ "$out" = squatted ] || fail "$out"
	rm -f "$segment"
else
	channel
	chmod 0400 "/dev/shm/shmchan.$(id -u).$ch"
	expect 0 chanctl stat "$ch"
	expect 4 chanctl purge "$ch"
	expect 4 chanctl close "$ch"
	channel
	chmod 0200 "/dev/shm/shmchan.$(id -u).$ch"
	expect 4 chanctl stat "$ch"
	line "chanctl: $ch: no permission for this channel; its owner must*"
fi

# 1, no space: a /dev/shm of our own that is too small
if has mounts; then
	cat >"$tmp/small" <<'END'
mount -t tmpfs -o size=512k tmpfs /dev/shm
chanctl create "$1"
echo "status $?"
chanctl create -c 256K "$1"
echo "status $?"
chanctl create -c 256K "$1.second"
echo "status $?"
find /dev/shm -type f
END
	expect 0 unshare -m sh "$tmp/small" "$ch"
	[ "$out" = "status 1
status 0
status 1
$segment" ] || fail "$out"
	[[ $err == "chanctl: $ch: no space: it needs "*" bytes and /dev/shm has 524288 left; "*$'\n'* ]] || fail "$err"
	needs=$(sed -n 's/.*needs \([0-9]*\) .*/\1/p; q' <<<"$err")
	[ "$needs" -ge 1048576 ] && [ "$needs" -lt 1200000 ] || fail "needs $needs"
fi

# An owner that can't be one: the line says which part of the name is wrong.
for verb in create remove info; do
	expect 2 chanctl $verb 99999999999/y
	[[ $err == *"99999999999/y: "*"no user's number"* ]] && pass || fail "$verb: $err"
done

finish
