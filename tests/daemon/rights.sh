#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Which users may do what: four users and a group, every kind of permission, each asked for
# each role; quotas of channels, bytes and connections; what is refused says why.

# shellcheck source=tests/daemon/lib.sh
. "$(dirname "$0")/lib.sh"
needs root users

owner=$((keeper + 1000000)) member=$((owner + 1)) sender=$((owner + 2)) receiver=$((owner + 3))
stranger=$((owner + 4)) group=$((owner + 5))
a=$prefix-a

# The roles that user $1 (with groups $2) gets on channel $3: s, r, b(oth), o(bserver).
roles() {
	local got=
	as "$1" "$2" "$BUILD/tests/daemon/prog_open" "$keeper/$3" send && got=${got}s
	as "$1" "$2" "$BUILD/tests/daemon/prog_open" "$keeper/$3" receive && got=${got}r
	as "$1" "$2" "$BUILD/tests/daemon/prog_open" "$keeper/$3" both && got=${got}b
	as "$1" "$2" "$BUILD/tests/daemon/prog_open" "$keeper/$3" observe && got=${got}o
	echo "$got"
} 2>/dev/null

# matrix WHAT OWNER MEMBER SENDER RECEIVER STRANGER
matrix() {
	check "$1: owner" equal "$(roles $owner - $a)" "$2"
	check "$1: member" equal "$(roles $member $group $a)" "$3"
	check "$1: sender" equal "$(roles $sender - $a)" "$4"
	check "$1: receiver" equal "$(roles $receiver - $a)" "$5"
	check "$1: stranger" equal "$(roles $stranger - $a)" "$6"
	check "$1: removed" as $owner - "$BUILD/chanctl" remove "$keeper/$a"
}

make_one() { # OPTIONS, by root for the owner
	check "make $*" "$BUILD/chanctl" create --system --owner=$owner "$@" $a
}

printf '[chand]\ncreate = @%s %s\n[quota]\nchannels = 3\nbytes = 200K\nconnections = 5\n' \
	$group $owner >"$etc/chand.conf"
printf '[quota %s]\nchannels = 100\nbytes = 100M\nconnections = 100\n' $owner >>"$etc/chand.conf"
start

make_one
matrix "0600" srbo "" "" "" ""
make_one --mode=0660 --group=$group
check "its file is not the group's" equal "$(stat -c %a "$(segment $a)")" 600
matrix "0660" srbo srbo "" "" ""
make_one --mode=0640 --group=$group
matrix "0640" srbo o "" "" ""
make_one --mode=0666
matrix "0666" srbo srbo srbo srbo srbo
make_one --mode=0644
matrix "0644" srbo o o o o
make_one --send=$sender --receive=$receiver
matrix "lists" srbo "" so ro ""
make_one --send=$sender,@$group --receive=$receiver,$sender
matrix "lists with a group" srbo so srbo ro ""

# Receivers of the latest value store nothing: to look is to receive, and they can't write.
# (With pthread_cond_t a sleeper takes a lock.)
if [ "${CONDVAR-}" != pthread ]; then
	make_one --kind=latest --mode=0644
	matrix "0644, latest" srbo ro ro ro ro
	make_one --kind=latest --mode=0640 --group=$group
	matrix "0640, latest" srbo ro "" "" ""
	make_one --kind=latest --send=$sender --receive=$receiver
	fails 4 "a receiver of values does not close" \
		as $receiver - "$BUILD/chanctl" close "$keeper/$a"
	matrix "lists, latest" srbo "" so ro ""
fi

# The descriptor of a mere observer can't write.
make_one --mode=0644
fails 4 "an observer does not close" as $stranger - "$BUILD/chanctl" close "$keeper/$a"
fails 4 "nor remove" as $stranger - "$BUILD/chanctl" remove "$keeper/$a"
check "the owner does" as $owner - "$BUILD/chanctl" remove "$keeper/$a"

# Which users may create.
fails 4 "a stranger does not" as $stranger - "$BUILD/chanctl" create --system $a
check "with the reason" grep -q "user $stranger may not create channels on this bus" "$t/said"
check "a member does" as $member $group "$BUILD/chanctl" create --system -c 16K $a
fails 4 "not for others" as $member $group "$BUILD/chanctl" create --system --owner=$owner $a-x
check "the library, too" as $member $group "$BUILD/chansend" --create=capacity=16K "$keeper/$a-2" x

# Quotas.
check "the third" as $member $group "$BUILD/chanctl" create --system -c 16K $a-3
fails 1 "the fourth" as $member $group "$BUILD/chanctl" create --system -c 16K $a-4
check "with the reason" grep -q "user $member has 3 channels of 3" "$t/said"
check "one less" as $member $group "$BUILD/chanctl" remove "$keeper/$a-3"
fails 1 "too large" as $member $group "$BUILD/chanctl" create --system -c 1M $a-3
check "with the reason" grep -q "bytes of 204800" "$t/said"
fails 1 "a maximum above it" \
	as $member $group "$BUILD/chanctl" create --system -c 16K --max-capacity=1M $a-3
check "both figures" grep -q "quota of 204800 bytes, which is less than 1048576" "$t/said"
bytes_of_member() {
	as $member $group "$BUILD/tests/daemon/prog_ask" STATUS | sed -n 's/^your-bytes=\([0-9]*\).*/\1/p'
}
check "a lower one" as $member $group "$BUILD/chanctl" create --system -c 16K --max-capacity=128K $a-3
small=$(bytes_of_member)
head -c 4000 /dev/zero >"$t/message"
for _ in 1 2 3 4 5 6 7 8 9 10; do
	as $member $group "$BUILD/chansend" --whole "$keeper/$a-3" <"$t/message"
done
check "what it grew by counts" test "$(bytes_of_member)" -ge $((small + 16384))
check "it is removed" as $member $group "$BUILD/chanctl" remove "$keeper/$a-3"
check "not the others' quota" as $owner - "$BUILD/chanctl" create --system -c 1M $a-3
check "connections" as $member - "$BUILD/tests/daemon/prog_connect" "$SHMCHAN_CONTROL" 5 8
check "they are free again" as $member - "$BUILD/tests/daemon/prog_connect" "$SHMCHAN_CONTROL" 5 8

# They outlast chand.
kill -9 "$bus_pid"
wait "$bus_pid" 2>/dev/null
start
fails 1 "counted after a restart" as $member $group "$BUILD/chanctl" create --system -c 180K $a-4
check "rights after a restart" equal "$(roles $member $group $a)" srbo
check "rights after a restart" equal "$(roles $stranger - $a)" ""
check "a declaration is not wider than it says" test "$(stat -c %a "$run/channels")" = 700

# A user's own bus belongs to that user.
stop
start --user
fails 4 "another's bus" as $stranger - "$BUILD/tests/daemon/prog_ask" STATUS
finish "rights and quotas of five users"
