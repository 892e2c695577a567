// SPDX-License-Identifier: MIT

//! The driver for Rust: it executes the operations that tests/bindings/README.md lists, a line
//! each, and prints the outcome of each.

use shmchan::{
    select, Case, Channel, Choice, Cursor, Done, Error, ErrorKind, Kind, Lease, Loan, Meta, OnLag,
    Options, Overflow, Role, Sent, Set, Start, Subscription, Timeout,
};
use std::collections::HashMap;
use std::io::{self, BufRead, IoSlice, IoSliceMut, Write};
use std::time::{Duration, Instant};

// An endpoint that lives until it is detached: its leases and its loan borrow it.
struct Endpoint {
    channel: &'static Channel,
    leases: HashMap<String, Lease<'static>>,
    requests: HashMap<String, u64>,
    loan: Option<Loan<'static>>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.leases.clear();
        self.loan = None;
        let leaked: *const Channel = self.channel;
        // SAFETY: open() leaked it, and what borrowed it has just ended.
        drop(unsafe { Box::from_raw(leaked as *mut Channel) });
    }
}

// What the driver has, by name.  The sets end before their members: see main().
#[derive(Default)]
struct State {
    endpoints: Endpoints,
    sets: HashMap<String, Set<'static>>,
}

type Endpoints = HashMap<String, Endpoint>;
type Words<'a> = &'a [&'a str];

// ---- words ----

fn timeout(word: &str) -> Timeout {
    match word {
        "wait" => Timeout::Never,
        ms => Duration::from_millis(ms.parse().unwrap()).into(),
    }
}

fn message(word: &str) -> Vec<u8> {
    let bytes = word.as_bytes();
    match word {
        "-" => vec![],
        "0..255" => (0..=255).collect(),
        _ if bytes.len() > 2 && bytes[1] == b'*' => vec![bytes[0]; word[2..].parse().unwrap()],
        _ => bytes.to_vec(),
    }
}

fn shown(m: &[u8]) -> String {
    let same = m.iter().all(|b| *b == m[0]);
    let plain = m.iter().all(u8::is_ascii_graphic);
    match m.len() {
        0 => "-".into(),
        256 if m == message("0..255") => "0..255".into(),
        n if !plain || n > 16 && !same => format!("?{n}"),
        n if n > 16 => format!("{}*{n}", m[0] as char),
        _ => String::from_utf8_lossy(m).into(),
    }
}

// ---- outcomes ----

fn failed(e: Error, again: &str) -> String {
    match e.kind() {
        ErrorKind::WouldBlock => again.into(),
        ErrorKind::TimedOut => "timeout".into(),
        ErrorKind::Closed => "closed".into(),
        ErrorKind::Removed => "removed".into(),
        ErrorKind::TooLarge => format!("toolarge {}", e.size()),
        ErrorKind::Lost => format!("lost {}", e.size()),
        ErrorKind::Busy => "busy".into(),
        ErrorKind::AlreadyExists => "exists".into(),
        ErrorKind::NotFound => "absent".into(),
        ErrorKind::Invalid => "invalid".into(),
        ErrorKind::WrongRole => "role".into(),
        ErrorKind::Stale => "stale".into(),
        ErrorKind::Canceled => "canceled".into(),
        ErrorKind::Deadlock => "deadlock".into(),
        ErrorKind::Damaged => "damaged".into(),
        ErrorKind::Denied => "denied".into(),
        ErrorKind::Detached => "detached".into(),
        ErrorKind::Interrupted => "interrupted".into(),
        ErrorKind::Reset => "reset".into(),
        _ => format!("error {}", e.errno()),
    }
}

fn done(r: shmchan::Result<()>) -> String {
    r.map_or_else(|e| failed(e, "empty"), |()| "ok".into())
}

fn sent(r: shmchan::Result<Sent>) -> String {
    match r {
        Ok(Sent::Committed) => "ok".into(),
        Ok(Sent::Dropped) => "dropped".into(),
        Err(e) => failed(e, "full"),
    }
}

fn counted(r: shmchan::Result<u64>, again: &str) -> String {
    r.map_or_else(|e| failed(e, again), |n| format!("count {n}"))
}

fn taken(l: &Lease) -> String {
    format!("data {} {}", shown(l), l.attempt())
}

// ---- operations ----

fn policy(word: &str) -> Overflow {
    match word {
        "block" => Overflow::Block,
        "fail" => Overflow::Fail,
        "drop-new" => Overflow::DropNewest,
        "drop-old" => Overflow::DropOldest,
        _ => panic!("what is '{word}'?"),
    }
}

fn lag(word: &str) -> OnLag {
    match word {
        "block" => OnLag::Block,
        "lose" => OnLag::Lose,
        "evict" => OnLag::Evict,
        _ => panic!("what is '{word}'?"),
    }
}

fn options(words: Words) -> Options {
    words.iter().fold(Options::new(), |o, word| {
        match word.split_once('=').unwrap_or((word, "")) {
            ("capacity", n) => o.capacity(n.parse().unwrap()),
            ("max-message", n) => o.max_message(n.parse().unwrap()),
            ("endpoints", n) => o.endpoints(n.parse().unwrap()),
            ("kind", "queue") => o.kind(Kind::Queue),
            ("kind", "rendezvous") => o.kind(Kind::Rendezvous),
            ("kind", "latest") => o.kind(Kind::Latest),
            ("kind", "broadcast") => o.kind(Kind::Broadcast),
            ("lanes", n) => o.lanes_by_key(n.parse().unwrap()),
            ("dedup", n) => o.dedup(n.parse().unwrap(), Duration::ZERO),
            ("dead-letter", name) => o.dead_letter(name).unwrap(),
            ("max-deliver", n) => o.max_deliver(n.parse().unwrap()),
            ("max-capacity", n) => o.max_capacity(n.parse().unwrap()),
            ("on-lag", p) => o.on_lag(lag(p)),
            ("overflow", p) => o.overflow(policy(p)),
            ("lifetime", "ref") => o.lifetime_ref(Duration::ZERO),
            ("end-with-senders", _) => o.end_with_senders(true),
            ("need-receivers", _) => o.need_receivers(true),
            ("meta", _) => o.meta(true),
            _ => panic!("what is '{word}'?"),
        }
    })
}

fn open(endpoints: &mut Endpoints, w: Words) -> String {
    let role = w[3].chars().fold(Role::OBSERVE, |role, c| {
        role | match c {
            's' => Role::SEND,
            'r' => Role::RECEIVE,
            'c' => Role::CREATE,
            'x' => Role::EXCLUSIVE,
            '-' => Role::OBSERVE,
            _ => panic!("what is the role '{c}'?"),
        }
    });
    opened(
        endpoints,
        w[1],
        Channel::open(w[2], role, &options(&w[4..])),
    )
}

fn opened(endpoints: &mut Endpoints, name: &str, channel: shmchan::Result<Channel>) -> String {
    match channel {
        Err(e) => failed(e, "empty"),
        Ok(channel) => {
            let endpoint = Endpoint {
                channel: Box::leak(Box::new(channel)),
                leases: HashMap::new(),
                requests: HashMap::new(),
                loan: None,
            };
            endpoints.insert(name.into(), endpoint);
            "ok".into()
        }
    }
}

fn subscribe(endpoints: &mut Endpoints, w: Words) -> String {
    let how: HashMap<_, _> = w[3..]
        .iter()
        .filter_map(|word| word.split_once('='))
        .collect();
    let at = || how["at"].parse().unwrap();
    let start = match how.get("start").copied().unwrap_or("next") {
        "next" => Start::Next,
        "oldest" => Start::Oldest,
        "last" => Start::Last(at()),
        "seq" => Start::Seq(at()),
        other => panic!("what is '{other}'?"),
    };
    let mut s = Subscription::new(start);
    if let Some(policy) = how.get("on-lag") {
        s = s.on_lag(lag(policy));
    }
    if let Some(group) = how.get("group") {
        s = s.group(group);
    }
    opened(endpoints, w[1], Channel::subscribe(w[2], &s))
}

fn header(words: Words) -> Meta {
    let ms = |n: &str| Duration::from_millis(n.parse().unwrap());
    words.iter().fold(Meta::new(), |m, word| {
        match word.split_once('=').unwrap_or((word, "")) {
            ("keep", _) => m.keep(),
            ("id", id) => m.id(id.as_bytes().try_into().unwrap()),
            ("key", key) => m.key(key.as_bytes()).unwrap(),
            ("priority", n) => m.priority(n.parse().unwrap()),
            ("ttl", n) => m.ttl(ms(n)),
            ("delay", n) => m.delay(ms(n)),
            (name, value) => m.put(name, value).unwrap(),
        }
    })
}

fn shown_header(m: &Meta) -> String {
    let mut said = String::new();
    if let Some(key) = m.key_bytes() {
        said += &format!(" key={}", String::from_utf8_lossy(key));
    }
    if let Some(n) = m.priority_number() {
        said += &format!(" priority={n}");
    }
    for (name, value) in m.pairs() {
        said += &format!(" {name}={value}");
    }
    said
}

fn recv_meta(ch: &Channel, w: Words) -> String {
    let mut buffer = vec![0; 1 << 20];
    match ch.recv_meta(&mut buffer, timeout(w[2])) {
        Ok((n, m)) => format!("data {}{}", shown(&buffer[..n]), shown_header(&m)),
        Err(e) => failed(e, "empty"),
    }
}

fn request(e: &mut Endpoint, w: Words) -> String {
    let meta = match w.get(5) {
        Some(word) if word.starts_with("id=") => header(&w[5..]),
        Some(_) => Meta::new().once(),
        None => Meta::new(),
    };
    match e.channel.request(&message(w[3]), &meta, timeout(w[4])) {
        Err(e) => failed(e, "full"),
        Ok(number) => {
            e.requests.insert(w[2].into(), number);
            "ok".into()
        }
    }
}

fn response(buffer: &[u8], r: shmchan::Result<(usize, Meta)>) -> String {
    match r {
        Err(e) => failed(e, "empty"),
        Ok((n, m)) => {
            let more = if m.has_more() { " more" } else { "" };
            format!(
                "data {} status={}{more}",
                shown(&buffer[..n]),
                m.status_number()
            )
        }
    }
}

fn reply(endpoints: &mut Endpoints, w: Words) -> String {
    let mut all = endpoints.values_mut();
    let e = all.find(|e| e.leases.contains_key(w[1])).unwrap();
    let status = w[4..].iter().find_map(|word| word.strip_prefix("status="));
    let meta = Meta::new().status(status.map_or(0, |n| n.parse().unwrap()));
    if w.contains(&"more") {
        return sent(e.leases[w[1]].reply_more(&message(w[2]), &meta, timeout(w[3])));
    }
    let lease = e.leases.remove(w[1]).unwrap();
    sent(lease.reply(&message(w[2]), &meta, timeout(w[3])))
}

fn send_batch(ch: &Channel, w: Words) -> String {
    let texts: Vec<_> = w[3..].iter().map(|m| message(m)).collect();
    let batch: Vec<_> = texts.iter().map(|m| IoSlice::new(m)).collect();
    counted(
        ch.send_batch(&batch, timeout(w[2])).map(|n| n as u64),
        "full",
    )
}

fn recv_batch(ch: &Channel, w: Words) -> String {
    let mut buffers = vec![vec![0; 8192]; w[3].parse().unwrap()];
    let mut batch: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
    match ch.recv_batch(&mut batch, timeout(w[2])) {
        Err(e) => failed(e, "empty"),
        Ok(n) => batch[..n]
            .iter()
            .fold("data".into(), |all, m| format!("{all} {}", shown(m))),
    }
}

fn all(ch: &Channel) -> String {
    let mut out = String::from("all");
    let mut buffer = vec![];
    loop {
        match ch.recv_to(&mut buffer, Timeout::Never) {
            Ok(()) => out += &format!(" {}", shown(&buffer)),
            Err(e) => return format!("{out} {}", failed(e, "empty")),
        }
    }
}

fn settle(
    endpoints: &mut Endpoints,
    name: &str,
    how: impl FnOnce(Lease<'static>) -> shmchan::Result<()>,
) -> String {
    let lease = endpoints.values_mut().find_map(|e| e.leases.remove(name));
    done(how(
        lease.unwrap_or_else(|| panic!("there is no lease '{name}'"))
    ))
}

fn select_one(endpoints: &mut Endpoints, w: Words) -> String {
    let mut buffers = vec![vec![0u8; 1 << 19]; w.len()];
    let mut free = buffers.iter_mut();
    let texts: Vec<_> = w.iter().map(|word| message(word)).collect();
    let mut cases = vec![];
    let mut names = vec![];
    let mut i = 2;
    while i < w.len() {
        let ch = endpoints[w[i + 1]].channel;
        let (case, used) = match w[i] {
            "recv" => (Case::Recv(ch, free.next().unwrap()), 2),
            "take" => (Case::Take(ch), 3),
            "send" => (Case::Send(ch, &texts[i + 2]), 3),
            op => panic!("what is '{op}'?"),
        };
        cases.push(case);
        names.push((w[i + 1], w.get(i + 2).copied().unwrap_or("")));
        i += used;
    }
    let (i, outcome) = match select(&mut cases, Choice::Biased, timeout(w[1])) {
        Err(e) => return failed(e, "none"),
        Ok(chosen) => chosen,
    };
    let said = match outcome {
        Ok(Done::Received(n)) => match &cases[i] {
            Case::Recv(_, buffer) => format!("data {}", shown(&buffer[..n])),
            other => panic!("{other:?} received"),
        },
        Ok(Done::Sent(s)) => sent(Ok(s)),
        Ok(Done::Taken(l)) => {
            let said = taken(&l);
            endpoints
                .get_mut(names[i].0)
                .unwrap()
                .leases
                .insert(names[i].1.into(), l);
            said
        }
        Err(e) => failed(
            e,
            if matches!(cases[i], Case::Send(..)) {
                "full"
            } else {
                "empty"
            },
        ),
    };
    format!("{i} {said}")
}

fn peek(ch: &Channel) -> String {
    let mut buffer = vec![0; 1 << 20];
    match ch.peek(&mut buffer, &mut Cursor::new()) {
        Ok(n) => format!("data {}", shown(&buffer[..n])),
        Err(e) => failed(e, "empty"),
    }
}

fn stat(ch: &Channel, field: &str) -> String {
    counted(
        ch.stat().map(|st| match field {
            "depth" => st.depth(),
            "sent" => st.sent(),
            "received" => st.received(),
            "dropped_newest" => st.dropped_newest(),
            "dropped_oldest" => st.dropped_oldest(),
            "redelivered" => st.redelivered(),
            "max_message" => st.max_message().into(),
            "senders" => st.senders().into(),
            "receivers" => st.receivers().into(),
            "grown" => st.grown(),
            "paused" => st.paused().into(),
            _ => panic!("there is no field '{field}'"),
        }),
        "empty",
    )
}

fn role(word: &str) -> Role {
    match word {
        "s" => Role::SEND,
        "r" => Role::RECEIVE,
        _ => panic!("what is '{word}'?"),
    }
}

fn on_set(state: &mut State, w: Words) -> String {
    let set = state
        .sets
        .entry(w[1].into())
        .or_insert_with(|| Set::new().unwrap());
    match w[0] {
        "watch" => done(set.add(state.endpoints[w[2]].channel, role(w[3]))),
        "unwatch" => done(set.remove(state.endpoints[w[2]].channel, role(w[3]))),
        _ => match set.wait(timeout(w[2])) {
            Err(e) => failed(e, "none"),
            Ok(ready) => {
                let name = |m: &shmchan::Ready| {
                    let mut all = state.endpoints.iter();
                    let (name, _) = all
                        .find(|(_, e)| std::ptr::eq(e.channel, m.channel))
                        .unwrap();
                    format!(" {name}:{}", if m.role == Role::SEND { 's' } else { 'r' })
                };
                let mut names: Vec<_> = ready.iter().map(name).collect();
                names.sort();
                format!("ready{}", names.concat())
            }
        },
    }
}

// For the figures.
fn flow(ch: &Channel, w: Words, receive: bool) -> shmchan::Result<Duration> {
    let number = |i: usize| w[i].parse::<usize>().unwrap();
    let (mut n, size, batch) = (number(2), number(3), number(4));
    let mut memory = vec![0; size * batch];
    let start = Instant::now();
    while n > 0 {
        let some = n.min(batch);
        n -= match (batch, receive) {
            (1, true) => ch.recv(&mut memory, Timeout::Never).map(|_| 1)?,
            (1, false) => ch.send(&memory, Timeout::Never).map(|_| 1)?,
            (_, true) => {
                let mut rooms: Vec<_> = memory
                    .chunks_mut(size)
                    .take(some)
                    .map(IoSliceMut::new)
                    .collect();
                ch.recv_batch(&mut rooms, Timeout::Never)?
            }
            (_, false) => {
                let messages: Vec<_> = memory.chunks(size).take(some).map(IoSlice::new).collect();
                ch.send_batch(&messages, Timeout::Never)?
            }
        };
    }
    Ok(start.elapsed())
}

fn took(r: shmchan::Result<Duration>) -> String {
    r.map_or_else(|e| failed(e, "empty"), |d| format!("took {}", d.as_nanos()))
}

fn on_endpoint(e: &mut Endpoint, w: Words) -> String {
    let ch = e.channel;
    match w[0] {
        "close" => done(ch.close()),
        "discard" => done(ch.discard()),
        "send" => sent(ch.send(&message(w[2]), timeout(w[3]))),
        "recv" => {
            let mut buffer = vec![];
            match ch.recv_to(&mut buffer, timeout(w[2])) {
                Ok(()) => format!("data {}", shown(&buffer)),
                Err(e) => failed(e, "empty"),
            }
        }
        "sendmeta" => sent(ch.send_meta(&message(w[2]), &header(&w[4..]), timeout(w[3]))),
        "recvmeta" => recv_meta(ch, w),
        "takemeta" => match ch.take(timeout(w[3])) {
            Err(e) => failed(e, "empty"),
            Ok(l) => {
                let said = taken(&l) + &shown_header(&l.meta().unwrap());
                e.leases.insert(w[2].into(), l);
                said
            }
        },
        "request" => request(e, w),
        "response" => {
            let mut buffer = vec![0; 1 << 20];
            let r = ch.response(e.requests[w[2]], &mut buffer, timeout(w[3]));
            response(&buffer, r)
        }
        "call" => {
            let mut buffer = vec![0; 1 << 20];
            let r = ch.call(&message(w[2]), &mut buffer, &Meta::new(), timeout(w[3]));
            response(&buffer, r)
        }
        "cancel" => counted(ch.cancel(e.requests[w[2]]).map(|n| n.into()), "empty"),
        "sendmany" => send_batch(ch, w),
        "recvmany" => recv_batch(ch, w),
        "all" => all(ch),
        "take" => match ch.take(timeout(w[3])) {
            Err(e) => failed(e, "empty"),
            Ok(l) => {
                let said = taken(&l);
                e.leases.insert(w[2].into(), l);
                said
            }
        },
        "reserve" => match ch.reserve(w[2].parse().unwrap(), timeout(w[3])) {
            Err(e) => failed(e, "full"),
            Ok(l) => {
                e.loan = Some(l);
                "ok".into()
            }
        },
        "commit" => {
            let mut loan = e.loan.take().expect("there is no reservation");
            let m = message(w[2]);
            loan[..m.len()].copy_from_slice(&m);
            sent(loan.send_prefix(m.len()))
        }
        "abort" => {
            e.loan = None;
            "ok".into()
        }
        "peek" => peek(ch),
        "kick" => counted(ch.kick(u64::MAX), "empty"),
        "purge" => counted(ch.purge(), "empty"),
        "recover" => counted(ch.recover(), "empty"),
        "overflow" => done(ch.set_overflow(policy(w[2]))),
        "pause" => done(ch.pause(true)),
        "resume" => done(ch.pause(false)),
        "subscribers" => counted(ch.subscribers().map(|all| all.len() as u64), "empty"),
        "removegroup" => done(ch.remove_group(w[2])),
        "stat" => stat(ch, w[2]),
        "flood" => took(flow(ch, w, false)),
        "drain" => took(flow(ch, w, true)),
        op => panic!("there is no operation '{op}'"),
    }
}

fn execute(state: &mut State, w: Words) -> String {
    let endpoints = &mut state.endpoints;
    match w[0] {
        "watch" | "unwatch" | "ready" => on_set(state, w),
        "forget" => {
            state.sets.remove(w[1]).expect("there is no such set");
            "ok".into()
        }
        "create" => done(shmchan::create(w[1], &options(&w[2..]))),
        "remove" => done(shmchan::remove(w[1])),
        "unlink" => done(shmchan::unlink(w[1])),
        "open" => open(endpoints, w),
        "subscribe" => subscribe(endpoints, w),
        "detach" => {
            endpoints.remove(w[1]).expect("there is no such endpoint");
            "ok".into()
        }
        "select" => select_one(endpoints, w),
        "ack" => settle(endpoints, w[1], Lease::ack),
        "release" => settle(endpoints, w[1], Lease::release),
        "reply" => reply(endpoints, w),
        "wanted" => {
            let lease = endpoints.values().find_map(|e| e.leases.get(w[1]));
            counted(lease.unwrap().wanted().map(|n| n.into()), "empty")
        }
        "releaseafter" => {
            let delay = Duration::from_millis(w[2].parse().unwrap());
            settle(endpoints, w[1], |l| l.release_after(delay))
        }
        "bury" => settle(endpoints, w[1], Lease::bury),
        "untake" => settle(endpoints, w[1], Lease::untake),
        _ => {
            let e = endpoints.get_mut(w[1]);
            on_endpoint(
                e.unwrap_or_else(|| panic!("there is no endpoint '{}'", w[1])),
                w,
            )
        }
    }
}

fn main() -> io::Result<()> {
    let mut state = State::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut out = io::stdout();
        writeln!(out, "{}", execute(&mut state, &words))?;
        out.flush()?;
    }
    state.sets.clear();
    Ok(())
}
