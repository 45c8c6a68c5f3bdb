//! Queues whose consumers block: every element is delivered once, after it was pushed, and in order.
//!
//! A history of a queue with unique elements is linearizable unless it holds one of a few patterns
//! (Bouajjani, Emmi, Enea, Hamza, "On Reducing Linearizability to State Reachability", ICALP 2015):
//! an element taken that nobody pushed, or before it was pushed; taken twice; never taken though the
//! queue was emptied; or *a* pushed surely before *b* and taken surely after it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use super::support::{Conn, Options, Server};

const PRODUCERS: u64 = 4;
const CONSUMERS: u64 = 4;
const QUEUES: u64 = 3;
/// What a consumer stops at.
const STOP: &str = "stop";

/// When an element was pushed or taken: sent and answered.
#[derive(Clone, Copy, Debug)]
struct Moment {
    element: u64,
    sent: u64,
    received: u64,
}

/// What happened to one queue.
#[derive(Default)]
struct Log {
    pushed: Vec<Moment>,
    taken: Vec<Moment>,
}

/// What is wrong with a queue that was emptied; `None` if nothing is.
fn wrong(log: &Log) -> Option<String> {
    let mut taken: HashMap<u64, Moment> = HashMap::new();
    for moment in &log.taken {
        if taken.insert(moment.element, *moment).is_some() {
            return Some(format!("taken twice: {moment:?}"));
        }
    }
    let mut pairs = Vec::with_capacity(log.pushed.len());
    for push in &log.pushed {
        let Some(take) = taken.remove(&push.element) else {
            return Some(format!("never taken: {push:?}"));
        };
        if take.received < push.sent {
            return Some(format!("taken before it was pushed: {push:?} {take:?}"));
        }
        pairs.push((*push, take));
    }
    if let Some(take) = taken.values().next() {
        return Some(format!("never pushed: {take:?}"));
    }
    overtaken(pairs)
}

/// Whether an element was taken after one that was pushed after it.
fn overtaken(mut pairs: Vec<(Moment, Moment)>) -> Option<String> {
    let mut by_end = pairs.clone();
    by_end.sort_unstable_by_key(|(push, _)| push.received);
    pairs.sort_unstable_by_key(|(push, _)| push.sent);
    let mut earlier = by_end.into_iter().peekable();
    // Of those pushed before, who was taken last.
    let mut last: Option<(Moment, Moment)> = None;
    for (push, take) in pairs {
        while let Some(pair) = earlier.next_if(|(before, _)| before.received < push.sent) {
            if last.is_none_or(|(_, taken)| taken.sent < pair.1.sent) {
                last = Some(pair);
            }
        }
        if let Some(before) = last.filter(|(_, taken)| take.received < taken.sent) {
            return Some(format!("{:?} overtook {before:?}", (push, take)));
        }
    }
    None
}

struct Run {
    server: Server,
    start: Instant,
    logs: Vec<Mutex<Log>>,
}

impl Run {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Pushes `count` elements: one by one, several at once, to two queues in a transaction.
    fn produce(&self, producer: u64, count: u64) {
        let mut conn = self.server.connect();
        let mut next = producer;
        for turn in 0..count {
            let elements: Vec<u64> = (0..1 + turn % 3).map(|n| next + n * PRODUCERS).collect();
            next += elements.len() as u64 * PRODUCERS;
            let queues = match turn % 5 {
                4 => vec![turn % QUEUES, (turn + 1) % QUEUES],
                _ => vec![turn % QUEUES],
            };
            let sent = self.now();
            let pushes = queues.iter().zip(0_u64..).map(|(queue, copy)| {
                let mut command = vec!["RPUSH".to_owned(), format!("queue:{queue}")];
                command.extend(elements.iter().map(|element| name(*element, copy)));
                command
            });
            let pushes: Vec<_> = pushes.collect();
            if let [push] = pushes.as_slice() {
                assert!(conn.cmd(push).int() > 0);
            } else {
                let mut requests = vec![vec!["MULTI".to_owned()]];
                requests.extend(pushes);
                requests.push(vec!["EXEC".to_owned()]);
                let last = conn.pipeline(&requests).pop().expect("as many as requests");
                assert_eq!(last.items().len(), 2, "{last}");
            }
            let received = self.now();
            for (copy, queue) in (0..).zip(queues) {
                let mut log = self.logs[queue as usize].lock().expect("no panic");
                log.pushed.extend(elements.iter().map(|element| Moment {
                    element: element * 2 + copy,
                    sent,
                    received,
                }));
            }
        }
    }

    /// Takes from all queues until told to stop, in one of the ways that block.
    fn consume(&self, consumer: u64) {
        let mut conn = self.server.connect();
        let queues: Vec<String> = (0..QUEUES)
            .map(|n| format!("queue:{}", (n + consumer) % QUEUES))
            .collect();
        loop {
            let sent = self.now();
            let (queue, elements) = match consumer % 2 {
                0 => pop(&mut conn, &queues),
                _ => pop_several(&mut conn, &queues),
            };
            let received = self.now();
            let stops = elements.iter().filter(|element| *element == STOP).count();
            let mut log = self.logs[queue].lock().expect("no panic");
            let taken = elements.iter().filter(|element| *element != STOP);
            log.taken.extend(taken.map(|element| Moment {
                element: element.parse().expect("a number"),
                sent,
                received,
            }));
            drop(log);
            if stops > 0 {
                // What others are to stop at goes back.
                for _ in 1..stops {
                    conn.cmd(&["RPUSH", &format!("queue:{queue}"), STOP]);
                }
                return;
            }
        }
    }
}

/// An element's text: the number, twice, plus which of its copies it is.
fn name(element: u64, copy: u64) -> String {
    (element * 2 + copy).to_string()
}

fn queue_number(text: &str) -> usize {
    let number = text.strip_prefix("queue:").expect("a queue's name");
    number.parse().expect("a number")
}

fn pop(conn: &mut Conn, queues: &[String]) -> (usize, Vec<String>) {
    let mut command = vec!["BLPOP".to_owned()];
    command.extend_from_slice(queues);
    command.push("0".to_owned());
    let reply = conn.cmd(&command);
    let [queue, element] = reply.items() else {
        panic!("{reply}")
    };
    (queue_number(&queue.text()), vec![element.text()])
}

fn pop_several(conn: &mut Conn, queues: &[String]) -> (usize, Vec<String>) {
    let mut command = vec![
        "BLMPOP".to_owned(),
        "0".to_owned(),
        queues.len().to_string(),
    ];
    command.extend_from_slice(queues);
    command.extend(["LEFT", "COUNT", "3"].map(str::to_owned));
    let reply = conn.cmd(&command);
    let [queue, elements] = reply.items() else {
        panic!("{reply}")
    };
    let elements = elements.items().iter().map(|element| element.text());
    (queue_number(&queue.text()), elements.collect())
}

/// Runs producers and consumers until each producer has pushed `turns` times.
pub fn run(turns: u64) {
    let run = Run {
        server: Server::start(Options::new().set("server.workers", 4)),
        start: Instant::now(),
        logs: (0..QUEUES).map(|_| Mutex::default()).collect(),
    };
    std::thread::scope(|scope| {
        let run = &run;
        for consumer in 0..CONSUMERS {
            scope.spawn(move || run.consume(consumer));
        }
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| scope.spawn(move || run.produce(producer, turns)))
            .collect();
        let done = producers
            .into_iter()
            .all(|producer| producer.join().is_ok());
        let mut conn = run.server.connect();
        for _ in 0..CONSUMERS {
            conn.cmd(&["RPUSH", "queue:0", STOP]);
        }
        assert!(done, "a producer failed");
    });
    run.drain();
    let mut count = 0;
    for (queue, log) in run.logs.iter().enumerate() {
        let log = log.lock().expect("no panic");
        count += log.pushed.len();
        assert_eq!(wrong(&log), None, "queue {queue}");
    }
    println!(
        "{count} elements delivered once each, in {:?}",
        run.start.elapsed()
    );
}

impl Run {
    /// Takes what is left when all consumers have stopped.
    fn drain(&self) {
        let mut conn = self.server.connect();
        for queue in 0..QUEUES {
            let sent = self.now();
            let reply = conn.line(&format!("LRANGE queue:{queue} 0 -1"));
            let mut log = self.logs[queue as usize].lock().expect("no panic");
            log.taken.extend(reply.items().iter().map(|element| Moment {
                element: element.text().parse().expect("a number"),
                sent,
                received: self.now(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Log, Moment, wrong};

    fn moments(list: &[(u64, u64, u64)]) -> Vec<Moment> {
        let moment = |&(element, sent, received)| Moment {
            element,
            sent,
            received,
        };
        list.iter().map(moment).collect()
    }

    fn verdict(pushed: &[(u64, u64, u64)], taken: &[(u64, u64, u64)]) -> Option<String> {
        let (pushed, taken) = (moments(pushed), moments(taken));
        wrong(&Log { pushed, taken })
    }

    #[test]
    fn what_is_wrong_with_a_queue_is_found() {
        let pushed = [(1, 0, 2), (2, 3, 5), (3, 4, 6)];
        let right = [(1, 1, 4), (3, 7, 9), (2, 8, 10)];
        assert_eq!(verdict(&pushed, &right), None);
        for (taken, expected) in [
            (
                &[(1, 1, 4), (1, 5, 6), (2, 7, 8), (3, 7, 8)][..],
                "taken twice",
            ),
            (&[(1, 1, 4), (3, 7, 9)], "never taken"),
            (&[(1, 1, 4), (2, 1, 2), (3, 7, 9)], "taken before"),
            (
                &[(1, 1, 4), (2, 7, 9), (3, 7, 9), (4, 7, 9)],
                "never pushed",
            ),
            (&[(2, 4, 6), (1, 7, 8), (3, 7, 9)], "overtook"),
        ] {
            let found = verdict(&pushed, taken).unwrap_or_default();
            assert!(found.contains(expected), "{taken:?}: {found}");
        }
    }
}
