// SPDX-License-Identifier: MIT

// The driver for Go: it executes the operations that tests/bindings/README.md lists, a line
// each, and prints the outcome of each.
package main

// static void nothing(void) { }
import "C"

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"shmchan"
)

var (
	endpoints = map[string]*shmchan.Channel{}
	leases    = map[string]*shmchan.Lease{}
	loans     = map[string]*shmchan.Loan{}
	sets      = map[string]*shmchan.Set{}
	requests  = map[string]uint64{}
	allBytes  = func() (all []byte) {
		for i := 0; i < 256; i++ {
			all = append(all, byte(i))
		}
		return
	}()
)

func giveUp(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}

func number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		giveUp("'%s' is not a number", word)
	}
	return n
}

func get[T any](from map[string]T, name string) T {
	v, ok := from[name]
	if !ok {
		giveUp("there is no '%s'", name)
	}
	return v
}

func message(word string) []byte {
	switch {
	case word == "-":
		return nil
	case word == "0..255":
		return allBytes
	case len(word) > 2 && word[1] == '*':
		return bytes.Repeat([]byte{word[0]}, number(word[2:]))
	}
	return []byte(word)
}

func word(data []byte) string {
	same, plain := true, true
	for _, b := range data {
		same = same && b == data[0]
		plain = plain && b > ' ' && b <= '~'
	}
	switch {
	case len(data) == 0:
		return "-"
	case bytes.Equal(data, allBytes):
		return "0..255"
	case !plain || len(data) > 16 && !same:
		return fmt.Sprintf("?%d", len(data))
	case len(data) > 16:
		return fmt.Sprintf("%c*%d", data[0], len(data))
	}
	return string(data)
}

func words(messages [][]byte) string {
	said := ""
	for _, m := range messages {
		said += " " + word(m)
	}
	return said
}

// until is the context for a timeout: with 0 it has ended, so a call is tried once.
func until(word string) (context.Context, context.CancelFunc) {
	if word == "wait" {
		return context.Background(), func() {}
	}
	if n := number(word); n > 0 {
		return context.WithTimeout(context.Background(), time.Duration(n)*time.Millisecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

var outcomes = map[syscall.Errno]string{
	syscall.ETIMEDOUT: "timeout", syscall.EPIPE: "closed", syscall.EIDRM: "removed",
	syscall.EBUSY: "busy", syscall.EEXIST: "exists", syscall.ENOENT: "absent",
	syscall.EINVAL: "invalid", syscall.EBADF: "role", syscall.ESTALE: "stale",
	syscall.ECANCELED: "canceled", syscall.EDEADLK: "deadlock", syscall.EBADMSG: "damaged",
	syscall.EACCES: "denied", syscall.EPERM: "denied", syscall.ENOTCONN: "detached",
	syscall.EINTR: "interrupted", syscall.ECONNRESET: "reset",
}

// outcome gives the words for an error; again is the one for EAGAIN.
func outcome(err error, again string) string {
	var e *shmchan.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, shmchan.ErrDropped):
		return "dropped"
	case errors.Is(err, shmchan.ErrDetached):
		return "detached"
	case !errors.As(err, &e):
		giveUp("%v", err)
	case e.Errno == syscall.EAGAIN:
		return again
	case e.Errno == syscall.EMSGSIZE:
		return fmt.Sprintf("toolarge %d", e.Size)
	case e.Errno == syscall.EOVERFLOW:
		return fmt.Sprintf("lost %d", e.Size)
	case outcomes[e.Errno] != "":
		return outcomes[e.Errno]
	}
	return fmt.Sprintf("error %d", e.Errno)
}

func options(words []string) *shmchan.Options {
	kinds := map[string]shmchan.Kind{"queue": shmchan.Queue, "rendezvous": shmchan.Rendezvous,
		"latest": shmchan.Latest, "broadcast": shmchan.Broadcast}
	lifetimes := map[string]shmchan.Lifetime{"persist": shmchan.Persist, "ref": shmchan.Ref}
	opt := &shmchan.Options{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "capacity":
			opt.Capacity = uint64(number(value))
		case "max-message":
			opt.MaxMessage = uint32(number(value))
		case "endpoints":
			opt.Endpoints = uint32(number(value))
		case "lanes":
			opt.Lanes, opt.LaneBy = uint32(number(value)), shmchan.ByKey
		case "dedup":
			opt.Dedup = uint32(number(value))
		case "dead-letter":
			opt.DeadLetter = value
		case "max-deliver":
			opt.MaxDeliver = uint32(number(value))
		case "max-capacity":
			opt.MaxCapacity = uint64(number(value))
		case "on-lag":
			opt.OnLag = get(lags, value)
		case "kind":
			opt.Kind = get(kinds, value)
		case "overflow":
			opt.Overflow = get(policies, value)
		case "lifetime":
			opt.Lifetime = get(lifetimes, value)
		case "end-with-senders":
			opt.EndWithSenders = true
		case "need-receivers":
			opt.NeedReceivers = true
		case "meta":
			opt.Meta = true
		default:
			giveUp("what is '%s'?", w)
		}
	}
	return opt
}

var policies = map[string]shmchan.Overflow{"block": shmchan.Block, "fail": shmchan.Fail,
	"drop-new": shmchan.DropNewest, "drop-old": shmchan.DropOldest}

var lags = map[string]shmchan.Lag{"block": shmchan.LagBlock, "lose": shmchan.LagLose,
	"evict": shmchan.LagEvict}

func subscribe(name, channel string, words []string) string {
	starts := map[string]shmchan.From{"next": shmchan.FromNext, "oldest": shmchan.FromOldest,
		"last": shmchan.FromLast, "seq": shmchan.FromSeq}
	how := &shmchan.Subscription{}
	for _, w := range words {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "start":
			how.From = get(starts, value)
		case "at":
			how.Start = uint64(number(value))
		case "on-lag":
			how.OnLag = get(lags, value)
		case "group":
			how.Group = value
		default:
			giveUp("what is '%s'?", w)
		}
	}
	ch, err := shmchan.Subscribe(channel, how)
	if err == nil {
		endpoints[name] = ch
	}
	return outcome(err, "empty")
}

func open(name, channel, roles string, words []string) string {
	var flags shmchan.Flags
	letters := map[rune]shmchan.Flags{'s': shmchan.Send, 'r': shmchan.Recv, 'c': shmchan.Create,
		'x': shmchan.Exclusive, '-': 0}
	for _, letter := range roles {
		flags |= letters[letter]
	}
	ch, err := shmchan.Open(channel, flags, options(words))
	if err == nil {
		endpoints[name] = ch
	}
	return outcome(err, "empty")
}

func taken(l *shmchan.Lease, name string) string {
	leases[name] = l
	return fmt.Sprintf("data %s %d", word(l.Data), l.Attempt)
}

func selectCase(limit string, w []string) string {
	var cases []*shmchan.Case
	var names []string
	for len(w) >= 2 {
		k := &shmchan.Case{Channel: get(endpoints, w[1])}
		name, used := "", 3
		switch w[0] {
		case "recv":
			k.Op, used = shmchan.OpRecv, 2
		case "take":
			k.Op, name = shmchan.OpTake, w[2]
		case "send":
			k.Op, k.Msg = shmchan.OpSend, message(w[2])
		default:
			giveUp("what is '%s'?", w[0])
		}
		cases, names, w = append(cases, k), append(names, name), w[used:]
	}
	ctx, cancel := until(limit)
	defer cancel()
	i, err := shmchan.SelectFirst(ctx, cases...)
	if i < 0 {
		return outcome(err, "none")
	}
	said := ""
	switch k := cases[i]; {
	case k.Op == shmchan.OpSend:
		said = outcome(err, "full")
	case err != nil:
		said = outcome(err, "empty")
	case k.Op == shmchan.OpTake:
		said = taken(k.Lease, names[i])
	default:
		said = "data " + word(k.Msg)
	}
	return fmt.Sprintf("%d %s", i, said)
}

func flow(ch *shmchan.Channel, receive bool, n, size, batch int) string {
	ctx, msg := context.Background(), make([]byte, size)
	many, b := make([][]byte, batch), shmchan.Batch{}
	for i := range many {
		many[i] = msg
	}
	start := time.Now()
	for n > 0 {
		some, got := batch, 1
		if some > n {
			some = n
		}
		var err error
		switch {
		case batch == 1 && receive:
			_, err = ch.RecvInto(ctx, msg)
		case batch == 1:
			err = ch.Send(ctx, msg)
		case receive:
			var all [][]byte
			all, err = ch.RecvBatchInto(ctx, &b, some)
			got = len(all)
		default:
			got, err = ch.SendBatch(ctx, many[:some])
		}
		if err != nil {
			return outcome(err, "empty")
		}
		n -= got
	}
	return fmt.Sprintf("took %d", time.Since(start).Nanoseconds())
}

func stat(ch *shmchan.Channel, field string) string {
	st, err := ch.Stat()
	if err != nil {
		return outcome(err, "empty")
	}
	return fmt.Sprintf("count %d", get(map[string]uint64{
		"depth": st.Depth, "sent": st.Sent, "received": st.Received,
		"dropped_newest": st.DroppedNewest, "dropped_oldest": st.DroppedOldest,
		"redelivered": st.Redelivered, "max_message": uint64(st.MaxMessage),
		"senders": uint64(st.Senders), "receivers": uint64(st.Receivers),
		"grown": st.Grown, "paused": map[bool]uint64{true: 1}[st.Paused]}, field))
}

func role(word string) shmchan.Flags {
	return get(map[string]shmchan.Flags{"s": shmchan.Send, "r": shmchan.Recv}, word)
}

func watch(w []string) string {
	if sets[w[1]] == nil {
		set, err := shmchan.NewSet()
		if err != nil {
			giveUp("a set: %v", err)
		}
		sets[w[1]] = set
	}
	return outcome(sets[w[1]].Add(get(endpoints, w[2]), role(w[3])), "empty")
}

func ready(w []string) string {
	ctx, cancel := until(w[2])
	defer cancel()
	members, err := get(sets, w[1]).Wait(ctx, 16)
	if err != nil {
		return outcome(err, "none")
	}
	var names []string
	for name, ch := range endpoints {
		for _, m := range members {
			if m.Channel == ch {
				names = append(names, name+map[shmchan.Flags]string{shmchan.Send: ":s", shmchan.Recv: ":r"}[m.Role])
			}
		}
	}
	sort.Strings(names)
	return "ready " + strings.Join(names, " ")
}

func all(ch *shmchan.Channel) string {
	said := "all"
	out := shmchan.NewReceiver(context.Background(), ch, shmchan.Bytes)
	for msg := range out.C() {
		said += " " + word(msg)
	}
	if err := out.Err(); err != nil {
		return said + " " + outcome(err, "empty")
	}
	return said + " closed"
}

func header(words []string) *shmchan.Meta {
	m := &shmchan.Meta{Header: map[string]string{}}
	for _, w := range words {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "key":
			m.Key = []byte(value)
		case "id":
			m.ID = []byte(value)
		case "keep":
			m.Keep = true
		case "priority":
			n := uint8(number(value))
			m.Priority = &n
		case "ttl":
			m.TTL = time.Duration(number(value)) * time.Millisecond
		case "delay":
			m.Delay = time.Duration(number(value)) * time.Millisecond
		default:
			m.Header[name] = value
		}
	}
	return m
}

// shown gives the words of a header; its pairs, which Go has in no order, in the alphabet's.
func shown(m *shmchan.Meta) string {
	said := ""
	if m.Key != nil {
		said += " key=" + string(m.Key)
	}
	if m.Priority != nil {
		said += fmt.Sprintf(" priority=%d", *m.Priority)
	}
	var pairs []string
	for name, value := range m.Header {
		pairs = append(pairs, fmt.Sprintf(" %s=%s", name, value))
	}
	sort.Strings(pairs)
	return said + strings.Join(pairs, "")
}

func takeMeta(ctx context.Context, ch *shmchan.Channel, name string) string {
	l, err := ch.Take(ctx)
	if err != nil {
		return outcome(err, "empty")
	}
	m, err := l.Meta()
	if err != nil {
		return outcome(err, "empty")
	}
	return taken(l, name) + shown(m)
}

func response(msg []byte, m *shmchan.Meta, err error) string {
	if err != nil {
		return outcome(err, "empty")
	}
	return fmt.Sprintf("data %s status=%d%s", word(msg), m.Status, map[bool]string{true: " more"}[m.More])
}

func reply(w []string) string {
	m := &shmchan.Meta{}
	for _, each := range w[4:] {
		if name, value, _ := strings.Cut(each, "="); name == "more" {
			m.More = true
		} else {
			m.Status = int32(number(value))
		}
	}
	ctx, cancel := until(w[3])
	defer cancel()
	err := get(leases, w[1]).Reply(ctx, message(w[2]), m)
	if !m.More && (err == nil || errors.Is(err, shmchan.ErrDropped)) {
		delete(leases, w[1])
	}
	return outcome(err, "full")
}

func yes(is bool, err error) string {
	return count(map[bool]int64{true: 1}[is], err, "empty")
}

func count(n int64, err error, again string) string {
	if err != nil {
		return outcome(err, again)
	}
	return fmt.Sprintf("count %d", n)
}

func settled(name string, how func(*shmchan.Lease) error) string {
	l := get(leases, name)
	delete(leases, name)
	return outcome(how(l), "empty")
}

func execute(w []string) string {
	switch w[0] {
	case "calls":
		start := time.Now()
		for n := number(w[1]); n > 0; n-- {
			C.nothing()
		}
		return fmt.Sprintf("took %d", time.Since(start).Nanoseconds())
	case "create":
		return outcome(shmchan.Make(w[1], options(w[2:])), "empty")
	case "remove":
		return outcome(shmchan.Remove(w[1]), "empty")
	case "unlink":
		return outcome(shmchan.Unlink(w[1]), "empty")
	case "open":
		return open(w[1], w[2], w[3], w[4:])
	case "subscribe":
		return subscribe(w[1], w[2], w[3:])
	case "select":
		return selectCase(w[1], w[2:])
	case "watch":
		return watch(w)
	case "unwatch":
		return outcome(get(sets, w[1]).Remove(get(endpoints, w[2]), role(w[3])), "empty")
	case "ready":
		return ready(w)
	case "forget":
		get(sets, w[1]).Close()
		delete(sets, w[1])
		return "ok"
	case "ack":
		return settled(w[1], (*shmchan.Lease).Ack)
	case "release":
		return settled(w[1], (*shmchan.Lease).Release)
	case "reply":
		return reply(w)
	case "wanted":
		return yes(get(leases, w[1]).Wanted())
	case "releaseafter":
		after := time.Duration(number(w[2])) * time.Millisecond
		return settled(w[1], func(l *shmchan.Lease) error { return l.ReleaseAfter(after) })
	case "bury":
		return settled(w[1], (*shmchan.Lease).Bury)
	case "untake":
		return settled(w[1], (*shmchan.Lease).Untake)
	}
	return onEndpoint(get(endpoints, w[1]), w)
}

func onEndpoint(ch *shmchan.Channel, w []string) string {
	limit := "wait"
	if place := map[string]int{"send": 3, "recv": 2, "sendmany": 2, "recvmany": 2, "take": 3,
		"sendmeta": 3, "recvmeta": 2, "takemeta": 3, "request": 4, "response": 3, "call": 3,
		"reserve": 3}[w[0]]; place > 0 {
		limit = w[place]
	}
	ctx, cancel := until(limit)
	defer cancel()
	switch w[0] {
	case "detach":
		if loan := loans[w[1]]; loan != nil {
			loan.Abort()
		}
		ch.Detach()
		delete(endpoints, w[1])
		delete(loans, w[1])
		return "ok"
	case "close":
		return outcome(ch.Close(), "empty")
	case "discard":
		return outcome(ch.Discard(), "empty")
	case "send":
		if limit == "0" {
			return outcome(ch.TrySend(message(w[2])), "full")
		}
		return outcome(ch.Send(ctx, message(w[2])), "full")
	case "recv":
		msg, err := ch.Recv(ctx)
		if err != nil {
			return outcome(err, "empty")
		}
		return "data " + word(msg)
	case "sendmeta":
		return outcome(ch.SendMeta(ctx, message(w[2]), header(w[4:])), "full")
	case "recvmeta":
		msg, m, err := ch.RecvMeta(ctx)
		if err != nil {
			return outcome(err, "empty")
		}
		return "data " + word(msg) + shown(m)
	case "request":
		m := &shmchan.Meta{Once: len(w) > 5}
		if len(w) > 5 && strings.HasPrefix(w[5], "id=") {
			m = header(w[5:])
		}
		n, err := ch.Request(ctx, message(w[3]), m)
		requests[w[2]] = n
		return outcome(err, "full")
	case "response":
		return response(ch.Response(ctx, get(requests, w[2])))
	case "call":
		return response(ch.Call(ctx, message(w[2]), nil))
	case "cancel":
		return yes(ch.Cancel(get(requests, w[2])))
	case "takemeta":
		return takeMeta(ctx, ch, w[2])
	case "sendmany":
		var msgs [][]byte
		for _, m := range w[3:] {
			msgs = append(msgs, message(m))
		}
		n, err := ch.SendBatch(ctx, msgs)
		return count(int64(n), err, "full")
	case "recvmany":
		msgs, err := ch.RecvBatch(ctx, number(w[3]))
		if err != nil {
			return outcome(err, "empty")
		}
		return "data" + words(msgs)
	case "all":
		return all(ch)
	case "take":
		l, err := ch.Take(ctx)
		if err != nil {
			return outcome(err, "empty")
		}
		return taken(l, w[2])
	case "reserve":
		loan, err := ch.Reserve(ctx, number(w[2]))
		if err == nil {
			loans[w[1]] = loan
		}
		return outcome(err, "full")
	case "commit":
		loan := get(loans, w[1])
		delete(loans, w[1])
		return outcome(loan.Commit(copy(loan.Data, message(w[2]))), "full")
	case "abort":
		get(loans, w[1]).Abort()
		delete(loans, w[1])
		return "ok"
	case "peek":
		p, err := ch.Peek(&shmchan.Cursor{})
		if err != nil {
			return outcome(err, "empty")
		}
		return "data " + word(p.Data)
	case "kick":
		n, err := ch.Kick(math.MaxUint64)
		return count(n, err, "empty")
	case "purge":
		n, err := ch.Purge()
		return count(n, err, "empty")
	case "recover":
		n, err := ch.Recover()
		return count(n, err, "empty")
	case "overflow":
		return outcome(ch.SetOverflow(get(policies, w[2])), "empty")
	case "pause":
		return outcome(ch.Pause(true), "empty")
	case "resume":
		return outcome(ch.Pause(false), "empty")
	case "subscribers":
		all, err := ch.Subscribers()
		return count(int64(len(all)), err, "empty")
	case "removegroup":
		return outcome(ch.RemoveGroup(w[2]), "empty")
	case "stat":
		return stat(ch, w[2])
	case "flood", "drain":
		return flow(ch, w[0] == "drain", number(w[2]), number(w[3]), number(w[4]))
	}
	giveUp("what is '%s'?", w[0])
	return ""
}

func main() {
	runtime.LockOSThread() // exclusive endpoints are this thread's
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(execute(strings.Fields(in.Text())))
	}
}
