// SPDX-License-Identifier: MIT

package shmchan

// What the binding adds to the library.  (What the library does is shown by the conformance
// cases.)

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const bound = time.Minute // for what has to happen

// This program is also the other process.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "peer" {
		peer(os.Args[2], os.Args[3])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func peer(what, name string) {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	switch what {
	case "hold":
		ch, err := Open(name, Recv, nil)
		check(err)
		l, err := ch.Take(ctx)
		check(err)
		fmt.Println(string(l.Data))
		select {}
	case "send":
		ch, err := Open(name, Send, nil)
		check(err)
		check(ch.Send(ctx, []byte("last")))
		fmt.Println("sent")
		select {}
	}
}

// process starts the other process, which has printed the line when this returns.
func process(t *testing.T, what, name, line string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "peer", what, name)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if got, _ := bufio.NewReader(out).ReadString('\n'); got != line+"\n" {
		t.Fatalf("%s: %q", what, got)
	}
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) {
		t.Fatalf("%v, not %v", err, wanted)
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}

// open makes a channel of the test's own and opens it for both.
func open(t *testing.T, opt *Options) *Channel {
	t.Helper()
	name := fmt.Sprintf("go%d.%s", os.Getpid(), t.Name())
	ch, err := Open(name, Send|Recv|Create, opt)
	must(t, err)
	t.Cleanup(func() { Remove(name); ch.Detach() })
	return ch
}

func another(t *testing.T, ch *Channel, flags Flags) *Channel {
	t.Helper()
	other, err := Open(ch.Name(), flags, nil)
	must(t, err)
	t.Cleanup(other.Detach)
	return other
}

func fill(t *testing.T, ch *Channel) {
	t.Helper()
	for {
		if err := ch.TrySend(make([]byte, 1000)); err != nil {
			want(t, err, ErrFull)
			return
		}
	}
}

var small = &Options{Capacity: 4096}

func TestMessages(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	for _, msg := range []string{"", "one", strings.Repeat("\x00", 900)} {
		must(t, ch.Send(ctx, []byte(msg)))
		got, err := ch.Recv(ctx)
		must(t, err)
		if string(got) != msg {
			t.Fatalf("%q", got)
		}
	}
	_, err := ch.TryRecv()
	want(t, err, ErrEmpty)
	want(t, err, syscall.EAGAIN)
	must(t, ch.Send(ctx, []byte("12345")))
	_, err = ch.RecvInto(ctx, make([]byte, 3))
	want(t, err, ErrTooLarge)
	var e *Error
	if !errors.As(err, &e) || e.Size != 5 {
		t.Fatal(err)
	}
	room := make([]byte, 10)
	if n, err := ch.RecvInto(ctx, room); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	want(t, ch.Send(ctx, make([]byte, 5000)), ErrTooLarge)
	must(t, ch.Send(ctx, []byte("left")))
	must(t, ch.Close())
	want(t, ch.Send(ctx, nil), ErrClosed)
	if got, err := ch.Recv(ctx); string(got) != "left" {
		t.Fatal(err)
	}
	_, err = ch.Recv(ctx)
	want(t, err, ErrClosed)
	want(t, err, syscall.EPIPE)
	ch.Detach()
	ch.Detach()
	_, err = ch.Recv(ctx)
	want(t, err, ErrDetached)
	want(t, ch.TrySend(nil), ErrDetached)
}

func TestErrors(t *testing.T) {
	_, err := Open("go-nobody-has-this", Recv, nil)
	want(t, err, fs.ErrNotExist)
	if text := err.Error(); text != "open go-nobody-has-this: no such channel" {
		t.Fatal(text)
	}
	ch := open(t, nil)
	want(t, Make(ch.Name(), nil), fs.ErrExist)
	err = Make("go-bad", &Options{Capacity: 1 << 60})
	if !strings.Contains(err.Error(), "capacity") {
		t.Fatal(err)
	}
	want(t, Make("a\x00b", nil), syscall.EINVAL)
	for _, name := range []string{strings.Repeat("x", 256), strings.Repeat("x", 300), "a/b/c"} {
		err = Make(ch.Name()+"-", &Options{DeadLetter: name})
		if want(t, err, syscall.EINVAL); !strings.Contains(err.Error(), "dead_letter") {
			t.Fatal(err)
		}
	}
	want(t, another(t, ch, Recv).TrySend(nil), syscall.EBADF)
	must(t, Remove(ch.Name()))
	_, err = ch.Recv(bounded(t))
	want(t, err, ErrRemoved)
	_, err = ch.RecvBatch(bounded(t), 0)
	want(t, err, syscall.EINVAL)
}

func TestLongMessagesAndBatches(t *testing.T) {
	ctx, ch := bounded(t), open(t, nil)
	long := bytes.Repeat([]byte("0123456789"), 20000)
	for i := 0; i < 2; i++ {
		must(t, ch.Send(ctx, long))
		got, err := ch.Recv(ctx)
		must(t, err)
		if !bytes.Equal(got, long) {
			t.Fatal(len(got))
		}
	}
	must(t, ch.Send(ctx, long))
	all, err := ch.RecvBatch(ctx, 3)
	must(t, err)
	if len(all) != 1 || !bytes.Equal(all[0], long) {
		t.Fatal(len(all))
	}
	var many [][]byte
	for i := 0; i < 200; i++ {
		many = append(many, bytes.Repeat([]byte{byte(i)}, i%7))
	}
	if n, err := ch.SendBatch(ctx, many); n != 200 || err != nil {
		t.Fatal(n, err)
	}
	var got [][]byte
	for _, most := range []int{20, 1, 1000} {
		all, err := ch.RecvBatch(ctx, most)
		must(t, err)
		got = append(got, all...)
	}
	if fmt.Sprint(got) != fmt.Sprint(many) {
		t.Fatal(got)
	}
}

func TestStatePeekAndNames(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	must(t, ch.Send(ctx, []byte("a")))
	must(t, ch.Send(ctx, []byte("b")))
	lease, err := ch.Take(ctx)
	must(t, err)
	at := &Cursor{LeasedToo: true}
	for _, wanted := range []Peeked{{[]byte("a"), 1, 1, true}, {[]byte("b"), 2, 0, false}} {
		p, err := ch.Peek(at)
		must(t, err)
		if fmt.Sprint(p) != fmt.Sprint(wanted) {
			t.Fatal(p)
		}
	}
	_, err = ch.Peek(at)
	want(t, err, ErrEmpty)
	must(t, lease.Ack())
	must(t, ch.Pause(true))
	_, err = ch.TryRecv()
	want(t, err, ErrEmpty)
	if st, err := ch.Stat(); !st.Paused || err != nil {
		t.Fatal(st, err)
	}
	must(t, ch.Pause(false))
	if n, err := ch.Purge(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	st, err := ch.Stat()
	must(t, err)
	if st.Sent != 2 || st.Depth != 0 || st.Senders != 1 || time.Since(st.Created) > time.Hour {
		t.Fatal(st)
	}
	all, err := ch.Endpoints()
	must(t, err)
	if len(all) != 1 || all[0].PID != os.Getpid() || all[0].Roles != Send|Recv {
		t.Fatal(all)
	}
	names, err := List()
	must(t, err)
	if !strings.Contains(strings.Join(names, " "), ch.Name()) {
		t.Fatal(names)
	}
	if n, err := Footprint(small); n < 4096 || err != nil {
		t.Fatal(n, err)
	}
	if gone, err := Collect(ch.Name()); gone || err != nil {
		t.Fatal(err)
	}
	must(t, Unlink(ch.Name()))
	if n, err := ch.Recover(); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func TestPolicies(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	fill(t, ch)
	must(t, ch.SetOverflow(Fail))
	want(t, ch.Send(ctx, make([]byte, 1000)), ErrFull)
	must(t, ch.SetOverflow(DropNewest))
	want(t, ch.Send(ctx, make([]byte, 1000)), ErrDropped)
	latest, err := Open(ch.Name()+".x", Send|Recv|Create, &Options{Kind: Latest})
	must(t, err)
	defer latest.Detach()
	must(t, Unlink(latest.Name()))
	must(t, latest.Send(ctx, []byte("1")))
	must(t, latest.Send(ctx, []byte("2")))
	if got, err := latest.Recv(ctx); string(got) != "2" {
		t.Fatal(err)
	}
}

func TestBroadcast(t *testing.T) {
	ctx, tx := bounded(t), open(t, &Options{Kind: Broadcast, Capacity: 4096, OnLag: LagLose})
	subscribe := func(how *Subscription) *Channel {
		ch, err := Subscribe(tx.Name(), how)
		must(t, err)
		t.Cleanup(ch.Detach)
		return ch
	}
	must(t, tx.Send(ctx, []byte("1")))
	must(t, tx.Send(ctx, []byte("2")))
	late, old := subscribe(nil), subscribe(&Subscription{From: FromOldest})
	group := subscribe(&Subscription{From: FromLast, Start: 1, Group: "ledger", OnLag: LagEvict, Patience: time.Second})
	must(t, tx.Send(ctx, []byte("3")))
	for ch, wanted := range map[*Channel]string{late: "3", old: "123", group: "23"} {
		got := ""
		for range wanted {
			msg, err := ch.Recv(ctx)
			must(t, err)
			got += string(msg)
		}
		if got != wanted {
			t.Fatal(got, wanted)
		}
	}
	_, err := Subscribe(tx.Name(), &Subscription{Group: "ledger"})
	want(t, err, syscall.EBUSY)
	all, err := tx.Subscribers()
	must(t, err)
	if len(all) != 4 {
		t.Fatal(all)
	}
	group.Detach()
	must(t, tx.RemoveGroup("ledger"))
	want(t, tx.RemoveGroup("ledger"), fs.ErrNotExist)
	for i := 0; i < 20; i++ {
		must(t, tx.Send(ctx, append([]byte{byte(i)}, make([]byte, 500)...)))
	}
	_, err = late.Recv(ctx)
	want(t, err, ErrLost)
	var e *Error
	errors.As(err, &e)
	if msg, err := late.Recv(ctx); err != nil || uint64(msg[0]) != e.Size {
		t.Fatal(err, e.Size)
	}
}

func TestGrowing(t *testing.T) {
	ch := open(t, &Options{Capacity: 4096, MaxCapacity: Unbounded, MaxMessage: 1000})
	for i := 0; i < 100; i++ {
		must(t, ch.TrySend(make([]byte, 1000)))
	}
	if st, err := ch.Stat(); err != nil || st.Grown == 0 || st.GrownBy != os.Getpid() {
		t.Fatal(st, err)
	}
}

func TestContextEndsWhatWaits(t *testing.T) {
	ch := open(t, small)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := ch.Recv(ctx)
	want(t, err, context.DeadlineExceeded)
	fill(t, ch)
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { return ch.Send(ctx, make([]byte, 1000)) },
		func(ctx context.Context) error { _, err := ch.Reserve(ctx, 1000); return err },
	} {
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan error)
		go func() { over <- call(ctx) }()
		waits(t, ch, Send)
		cancel()
		want(t, <-over, context.Canceled)
		err := call(ctx)
		want(t, err, context.Canceled)
		want(t, err, ErrFull)
		want(t, err, syscall.EAGAIN)
	}
	// As usable as before.
	_, err = ch.Recv(bounded(t))
	must(t, err)
	must(t, ch.Send(bounded(t), make([]byte, 1000)))
}

// waits returns when a goroutine waits for that role, or just did: what follows is the same.
func waits(t *testing.T, ch *Channel, role Flags) {
	t.Helper()
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		ch.waitersMu.Lock()
		there := ch.waiters[role] != nil
		ch.waitersMu.Unlock()
		if there {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nobody waits")
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/task")
	must(t, err)
	return len(all)
}

func TestWaitsHoldNoThread(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	const n = 200
	var over sync.WaitGroup
	rx := make([]*Channel, 20)
	for i := range rx {
		rx[i] = another(t, ch, Recv)
	}
	for i := 0; i < n; i++ {
		over.Add(1)
		go func(rx *Channel) {
			defer over.Done()
			if _, err := rx.Recv(ctx); err != nil {
				t.Error(err)
			}
		}(rx[i%len(rx)])
	}
	for _, c := range rx {
		waits(t, c, Recv)
	}
	if got := threads(t); got > 50 {
		t.Fatalf("%d threads for %d receives that wait", got, n)
	}
	for i := 0; i < n; i++ {
		must(t, ch.Send(ctx, nil))
	}
	over.Wait()
}

func TestStream(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	tx := another(t, ch, Send)
	const n = 50000
	go func() {
		for i := 0; i < n; i++ {
			if err := tx.Send(ctx, []byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
				return
			}
		}
		tx.Close()
	}()
	for i := 0; ; i++ {
		msg, err := ch.Recv(ctx)
		if errors.Is(err, ErrClosed) && i == n {
			return
		}
		must(t, err)
		if string(msg) != fmt.Sprint(i) {
			t.Fatal(i, string(msg))
		}
	}
}

func TestDetachEndsWhatWaits(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	rx := another(t, ch, Recv)
	over := make(chan error)
	for i := 0; i < 4; i++ {
		go func() { _, err := rx.Recv(ctx); over <- err }()
	}
	waits(t, rx, Recv)
	rx.Detach()
	for i := 0; i < 4; i++ {
		want(t, <-over, ErrDetached)
	}
	st, err := ch.Stat()
	must(t, err)
	if st.Receivers != 1 {
		t.Fatal(st.Receivers)
	}
}

// Calls that never wait hold no lock of Go's: none of them may be inside when the memory goes.
func TestDetachEndsWhatRuns(t *testing.T) {
	name := open(t, nil).Name()
	for round := 0; round < 100; round++ {
		ch, err := Open(name, Send|Recv, nil)
		must(t, err)
		var started, over sync.WaitGroup
		for i := 0; i < 4; i++ {
			started.Add(1)
			over.Add(1)
			go func() {
				defer over.Done()
				room, b := make([]byte, 64), Batch{}
				for n := 0; ; n++ {
					if n == 100 {
						started.Done()
					}
					err := ch.TrySend(room)
					if err == nil {
						_, err = ch.receive(room)
					}
					if err == nil && n%2 == 0 {
						_, err = ch.SendBatch(context.Background(), [][]byte{room})
					}
					if err == nil && n%2 == 0 {
						_, err = ch.RecvBatchInto(context.Background(), &b, 2)
					}
					if errors.Is(err, ErrDetached) {
						return
					}
					if err != nil && !later(err) {
						t.Error(err)
					}
				}
			}()
		}
		started.Wait()
		ch.Detach()
		over.Wait()
		if err := ch.TrySend(nil); err != ErrDetached {
			t.Fatal(err)
		}
	}
}

func TestInPlace(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	loan, err := ch.Reserve(ctx, 10)
	must(t, err)
	copy(loan.Data, "hello")
	runtime.Gosched()
	must(t, loan.Commit(5))
	loan.Abort() // nothing
	loan, err = ch.Reserve(ctx, 10)
	must(t, err)
	want(t, loan.Commit(11), syscall.EINVAL)
	loan.Abort()
	lease, err := ch.Take(ctx)
	must(t, err)
	if string(lease.Data) != "hello" || lease.Seq != 1 || lease.Attempt != 1 {
		t.Fatal(lease)
	}
	must(t, lease.Release())
	lease, err = ch.Take(ctx)
	must(t, err)
	if lease.Attempt != 2 {
		t.Fatal(lease)
	}
	must(t, lease.Untake())
	lease, err = ch.TryTake()
	must(t, err)
	must(t, lease.Ack())
	want(t, lease.Ack(), syscall.ESTALE)
	_, err = ch.TryTake()
	want(t, err, ErrEmpty)
}

func TestSelect(t *testing.T) {
	ctx, a := bounded(t), open(t, small)
	b, err := Open(a.Name()+".x", Send|Recv|Create, small)
	must(t, err)
	defer b.Detach()
	must(t, Unlink(b.Name()))
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	i, err := Select(soon, &Case{Channel: a, Op: OpRecv}, &Case{Channel: b, Op: OpTake})
	if i != -1 {
		t.Fatal(i)
	}
	want(t, err, context.DeadlineExceeded)
	take := &Case{Channel: b, Op: OpTake}
	go func() {
		waits(t, b, Recv)
		b.Send(ctx, []byte("there"))
	}()
	i, err = Select(ctx, &Case{Channel: a, Op: OpRecv}, &Case{Channel: a, Op: OpTake}, take)
	must(t, err)
	if i != 2 || string(take.Lease.Data) != "there" {
		t.Fatal(i)
	}
	must(t, take.Lease.Ack())
	i, err = Select(ctx, &Case{Channel: a, Op: OpRecv}, &Case{Channel: b, Op: OpSend, Msg: []byte("m")})
	must(t, err)
	if got, _ := b.TryRecv(); i != 1 || string(got) != "m" {
		t.Fatal(i)
	}
	must(t, a.Close())
	i, err = Select(ctx, &Case{Channel: b, Op: OpRecv}, &Case{Channel: a, Op: OpRecv})
	want(t, err, ErrClosed)
	if i != 1 {
		t.Fatal(i)
	}
	must(t, b.Send(ctx, nil))
	for n := 0; n < 20; n++ {
		i, err = SelectFirst(ctx, &Case{Channel: a, Op: OpRecv}, &Case{Channel: b, Op: OpRecv})
		want(t, err, ErrClosed)
		if i != 0 {
			t.Fatal(i)
		}
	}
	_, err = Select(ctx)
	want(t, err, syscall.EINVAL)
}

func TestSet(t *testing.T) {
	ctx, a := bounded(t), open(t, small)
	b := another(t, a, Recv)
	set, err := NewSet()
	must(t, err)
	defer set.Close()
	must(t, set.Add(a, Recv))
	must(t, set.Add(b, Recv))
	want(t, set.Add(b, Recv), syscall.EEXIST)
	want(t, set.Add(b, Send), syscall.EBADF)
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = set.Wait(soon, 4)
	want(t, err, context.DeadlineExceeded)
	want(t, err, ErrEmpty)

	got := make(chan []Ready)
	wait := func() {
		ready, err := set.Wait(ctx, 4)
		if err != nil {
			t.Error(err)
		}
		got <- ready
	}
	go wait()
	b.Detach() // leaves the set
	want(t, set.Add(b, Recv), ErrDetached)
	must(t, a.Send(ctx, []byte("m")))
	if ready := <-got; len(ready) != 1 || ready[0] != (Ready{a, Recv}) {
		t.Fatal(ready)
	}
	must(t, set.Remove(a, Recv))
	want(t, set.Remove(a, Recv), syscall.ENOENT)
	over := make(chan error)
	go func() { _, err := set.Wait(ctx, 1); over <- err }()
	set.Close()
	want(t, <-over, ErrDetached)
	want(t, set.Add(a, Recv), ErrDetached)
}

func TestNativeChannels(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	type job struct{ N int }
	in := NewSender(ctx, another(t, ch, Send), JSON[job]())
	out := NewReceiver(ctx, another(t, ch, Recv), JSON[job]())
	go func() {
		for i := 0; i < 1000; i++ {
			in.C() <- job{i}
		}
		close(in.C())
	}()
	for i := 0; i < 1000; i++ {
		select {
		case j := <-out.C():
			if j.N != i {
				t.Fatal(j, i)
			}
		case <-ctx.Done():
			t.Fatal("late")
		}
	}
	must(t, in.Err())
	must(t, ch.Close())
	if _, ok := <-out.C(); ok {
		t.Fatal("more")
	}
	must(t, out.Err())
}

// What nobody took from the native channel is not lost.
func TestNativeChannelGivesBack(t *testing.T) {
	ch := open(t, small)
	must(t, ch.Send(bounded(t), []byte("kept")))
	ctx, cancel := context.WithCancel(context.Background())
	out := NewReceiver(ctx, ch, Strings)
	for end := time.Now().Add(bound); ; time.Sleep(time.Millisecond) {
		_, err := ch.Peek(&Cursor{})
		if errors.Is(err, ErrEmpty) {
			break // it is leased
		}
		must(t, err)
		if time.Now().After(end) {
			t.Fatal("never taken")
		}
	}
	cancel()
	want(t, out.Err(), context.Canceled)
	lease, err := ch.TryTake()
	must(t, err)
	if string(lease.Data) != "kept" || lease.Attempt != 2 {
		t.Fatal(lease)
	}
}

func TestRendezvous(t *testing.T) {
	ctx, ch := bounded(t), open(t, &Options{Kind: Rendezvous})
	tx := another(t, ch, Send)
	want(t, tx.TrySend(nil), ErrFull)
	go func() {
		for i := 0; i < 100; i++ {
			if err := tx.Send(ctx, []byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := 0; i < 100; i++ {
		msg, err := ch.Recv(ctx)
		must(t, err)
		if string(msg) != fmt.Sprint(i) {
			t.Fatal(string(msg))
		}
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	want(t, tx.Send(soon, nil), context.DeadlineExceeded)
	over := make(chan error)
	go func() { over <- tx.Send(ctx, nil) }()
	go func() { over <- tx.Send(ctx, nil) }()
	// The same wait, seen twice: the call before left nothing that ends it.
	for before := int64(0); ; time.Sleep(5 * time.Millisecond) {
		all, err := ch.Endpoints()
		must(t, err)
		since := int64(0)
		for _, e := range all {
			if e.Waiting != 0 {
				since = e.Waiting
			}
		}
		if since != 0 && since == before {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("no offer lasts")
		}
		before = since
	}
	tx.Detach()
	want(t, <-over, ErrDetached)
	want(t, <-over, ErrDetached)
}

func TestKilledPeerThatHolds(t *testing.T) {
	ctx, ch := bounded(t), open(t, small)
	must(t, ch.Send(ctx, []byte("1")))
	must(t, ch.Send(ctx, []byte("2")))
	c := process(t, "hold", ch.Name(), "1")
	if got, err := ch.Recv(ctx); string(got) != "2" {
		t.Fatal(err)
	}
	taken := make(chan *Lease)
	go func() {
		l, err := ch.Take(ctx)
		if err != nil {
			t.Error(err)
		}
		taken <- l
	}()
	waits(t, ch, Recv)
	c.Process.Kill()
	if l := <-taken; string(l.Data) != "1" || l.Attempt != 2 {
		t.Fatal(l)
	}
}

func TestKilledPeerThatWeWaitFor(t *testing.T) {
	ctx, ch := bounded(t), open(t, &Options{EndWithSenders: true})
	rx := another(t, ch, Recv)
	c := process(t, "send", ch.Name(), "sent")
	ch.Detach()
	if got, err := rx.Recv(ctx); string(got) != "last" {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { _, err := rx.Recv(ctx); over <- err }()
	waits(t, rx, Recv)
	c.Process.Kill()
	want(t, <-over, ErrClosed)
}

func BenchmarkSendRecv(b *testing.B) {
	name := fmt.Sprintf("go%d.bench", os.Getpid())
	ch, err := Open(name, Send|Recv|Create, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer ch.Detach()
	Unlink(name)
	msg, room := make([]byte, 64), make([]byte, 64)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		ch.Send(ctx, msg)
		ch.RecvInto(ctx, room)
	}
}
