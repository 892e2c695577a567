#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Where a channel is chand's, and chand can't be asked: one true line for each reason, of
# the library and of chanctl, and status 3; another user's own channel stays "no
# permission".

# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"

if [ "$(id -u)" != 0 ] || ! setpriv --reuid=65534 --regid=65534 --clear-groups true; then
	echo 'needs root, to be another user'
	exit 77
fi
chmod 755 "$tmp"
export SHMCHAN_CONTROL=$tmp/run/control
mkdir -p "$tmp/etc/channels.d" "$tmp/run"
channel_name
printf '[channel]\ncapacity = 64K\nsend = 65534\n' >"$tmp/etc/channels.d/$ch.conf"
bus=
start() {
	chand --config-dir="$tmp/etc" --runtime-dir="$tmp/run" 2>"$tmp/log" &
	bus=$!
	happens chanctl list --system "$ch" -H >/dev/null && happens socket_listens "$SHMCHAN_CONTROL" &&
		happens ready
	chmod 666 "$SHMCHAN_CONTROL"
}
ready() { stranger chansend "0/$ch" x 2>/dev/null; }
stranger() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# lines TEXT: each way to ask says it, with status 3
lines() {
	for command in "chansend 0/$ch x" "chanctl create 0/$ch.none" "chansend -c 0/$ch.none x" \
		"chanctl remove 0/$ch"; do
		# shellcheck disable=SC2086
		status 3 stranger $command
		says "can't ask chand: "
		says "$1"
	done
	status 3 stranger chanctl create --user "$ch.asked"
	says "can't ask chand: "
	says "$1"
	is 'lines' "$(wc -l <"$tmp/err")" 1
	status 3 stranger chansend "0/$ch.none" x # that there is none shows without chand
	says 'no such channel'
}

start
status 0 stranger chansend "0/$ch" x
status 4 stranger chanrecv -N "0/$ch"
kill -STOP $bus
lines 'does not answer within'
kill -CONT $bus
kill -9 $bus
wait $bus 2>/dev/null
# io_uring keeps the socket of a dead process a moment longer.
closed() { stranger chansend "0/$ch" x 2>&1 | grep -q 'nobody listens'; }
happens closed
lines "nobody listens at $SHMCHAN_CONTROL any more: chand has ended; start it"
rm "$SHMCHAN_CONTROL"
lines "there is no socket $SHMCHAN_CONTROL: chand is not running; start it"
: >"$SHMCHAN_CONTROL"
chmod 666 "$SHMCHAN_CONTROL"
lines 'start it, or correct or unset SHMCHAN_CONTROL'
chmod 600 "$SHMCHAN_CONTROL"
lines "not connect to $SHMCHAN_CONTROL: it is somebody else's chand; correct or unset SHMCHAN_CONTROL"
rm "$SHMCHAN_CONTROL"

# Something else listens there, and answers each request with "hello".
perl -MSocket -e '
	socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "$!";
	bind($s, pack_sockaddr_un($ARGV[0])) && chmod(0666, $ARGV[0]) && listen($s, 16) or
		die "$!";
	while (accept(my $c, $s)) { sysread($c, my $request, 4096); syswrite($c, "hello\n") }
' "$SHMCHAN_CONTROL" &
other=$!
happens socket_listens "$SHMCHAN_CONTROL"
lines "what answers at $SHMCHAN_CONTROL is not chand, or one of another version; restart it"
kill $other
wait $other 2>/dev/null
rm "$SHMCHAN_CONTROL"

# A chand that does not make the channel, and answers other requests or none: it is asked
# both at a time, so chanctl waits no longer than it says.
# shellcheck disable=SC2016
deaf() { # ALIVE: answer STATUS
	perl -MSocket -MIO::Select -e '
		$| = 1;
		socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "$!";
		bind($s, pack_sockaddr_un($ARGV[0])) && listen($s, 16) or die "$!";
		my ($all, %verb) = IO::Select->new($s);
		while (my @ready = $all->can_read) {
			for my $c (@ready) {
				if ($c == $s) { accept(my $new, $s); $all->add($new); next }
				if (sysread($c, my $request, 4096)) {
					($verb{$c}) = $request =~ m{^chand/1 (\w+)};
					print "$verb{$c}\n";
					syswrite($c, "chand/1 OK\n") if $verb{$c} eq "STATUS" && $ARGV[1];
				} else {
					print "end of $verb{$c}\n";
					$all->remove($c);
					close $c;
				}
			}
		}' "$SHMCHAN_CONTROL" "$1" >"$tmp/asked" &
	other=$!
	happens socket_listens "$SHMCHAN_CONTROL"
}
deaf 0
status 3 chanctl create --user "$ch.asked"
says "can't ask chand: chand at $SHMCHAN_CONTROL does not answer within 3 s: it is stopped, or overrun"
happens grep -q 'end of CREATE' "$tmp/asked"
is 'asked meanwhile' "$(sed -n '1,/end of/p' "$tmp/asked" | sed 's/end of.*/end/' | xargs)" 'CREATE STATUS end'
kill $other
wait $other 2>/dev/null
rm "$SHMCHAN_CONTROL"
deaf 1
status 124 chanctl create --user "$ch.asked"
says 'timed out: chand is alive, but has no time or memory for it now'
kill $other
wait $other 2>/dev/null
rm "$SHMCHAN_CONTROL"

# A chand that hangs up on the first requests of each verb: what changes nothing is asked again,
# and what makes a channel is not.
# shellcheck disable=SC2016
hanging_up() { # TIMES
	perl -MSocket -e '
		$| = 1;
		socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "$!";
		bind($s, pack_sockaddr_un($ARGV[0])) && listen($s, 16) or die "$!";
		my %asked;
		while (accept(my $c, $s)) {
			while (sysread($c, my $request, 4096)) {
				my ($verb) = $request =~ m{^chand/1 (\w+)};
				print "$verb\n";
				last if $asked{$verb}++ < $ARGV[1];
				syswrite($c, "chand/1 OK\nscope=system\nbus=0\nversion=asked\n")
					if $verb eq "STATUS";
				syswrite($c, "chand/1 END\n") if $verb eq "LIST";
			}
		}' "$SHMCHAN_CONTROL" "$1" >"$tmp/asked" &
	other=$!
	happens socket_listens "$SHMCHAN_CONTROL"
}
gone() {
	kill $other
	wait $other 2>/dev/null
	rm "$SHMCHAN_CONTROL"
}
hanging_up 3
status 0 chanctl list --system -H "$ch"
is 'warnings' "$(cat "$tmp/err")" ''
is 'requests to list' "$(sort "$tmp/asked" | uniq -c | xargs)" '4 LIST 5 STATUS'
gone
hanging_up 1000000
status 3 chanctl create --user "$ch.asked"
says "can't ask chand: chand at $SHMCHAN_CONTROL hung up without an answer; try again"
is 'requests to make' "$(xargs <"$tmp/asked")" CREATE
gone

SHMCHAN_CONTROL=/nonexistent/control
lines 'there is neither the socket /nonexistent/control nor its directory'

# A user's own channel is no bus's.
channel_name
setpriv --reuid=4242 --regid=4242 --clear-groups chanctl create "$ch"
SHMCHAN_CONTROL=$tmp/run/control
status 4 stranger chansend "4242/$ch" x
says 'no permission for this channel; its owner must allow'
unset SHMCHAN_CONTROL
if [ ! -e /run/chand ]; then
	status 4 stranger chansend "4242/$ch" x
	says 'no permission for this channel; its owner must allow'
fi
rm "/dev/shm/shmchan.4242.$ch"

# A user's bus is found by XDG_RUNTIME_DIR only.
status 3 env -u XDG_RUNTIME_DIR chanctl create --user "$ch"
says "XDG_RUNTIME_DIR is not set, which says where your chand is; set XDG_RUNTIME_DIR=/run/user/0"
status 1 env -u XDG_RUNTIME_DIR chanctl doctor --user -J
is 'and doctor says the same' "$(jq -r '.[] | select(.check == "chand") | .remedy' "$tmp/out")" \
	'set XDG_RUNTIME_DIR=/run/user/0'
mkdir -m 700 "$tmp/xdg"
status 3 stranger env XDG_RUNTIME_DIR="$tmp/xdg" chanctl create --user "$ch"
says "it is somebody else's chand; set XDG_RUNTIME_DIR=/run/user/65534"

rm -f "/dev/shm/shmchan.0.$ch" /dev/shm/shmchan.0.t$$.*
finish
