//! The same clients at both servers, in step.

use crate::compare::Compare;
use crate::exceptions::Exceptions;
use crate::generate::{CLIENTS, Command};
use crate::support::{Conn, ReadError, Reply, Server, encode};

/// The two servers.
pub struct Pair<'a> {
    oracle: &'a Server,
    subject: &'a Server,
    exceptions: &'a Exceptions,
    /// The protocol every client begins with.
    protocol: u8,
}

/// The clients, each at both servers.
pub struct Session<'a> {
    clients: Vec<Client<'a>>,
}

/// A client at both.
struct Client<'a> {
    exceptions: &'a Exceptions,
    oracle: Conn,
    subject: Conn,
    /// What has been queued since MULTI.
    queued: Vec<Command>,
}

/// What the two servers had to say to one command.
pub struct Outcome {
    pub theirs: Answer,
    pub ours: Answer,
    pub equal: bool,
}

type Answer = Result<Reply, ReadError>;

impl<'a> Pair<'a> {
    /// Of the oracle and the subject.
    pub fn new(
        (oracle, subject): (&'a Server, &'a Server),
        exceptions: &'a Exceptions,
        protocol: u8,
    ) -> Pair<'a> {
        Pair {
            oracle,
            subject,
            exceptions,
            protocol,
        }
    }

    /// Empties both servers and connects anew.
    pub fn fresh_session(&self) -> Session<'a> {
        for server in [self.oracle, self.subject] {
            assert_eq!(server.connect().line("FLUSHALL").text(), "OK");
        }
        let connect = |server: &Server| {
            let mut conn = server.connect();
            conn.hello(self.protocol);
            conn
        };
        let client = |_| Client {
            exceptions: self.exceptions,
            oracle: connect(self.oracle),
            subject: connect(self.subject),
            queued: Vec::new(),
        };
        Session {
            clients: (0..CLIENTS).map(client).collect(),
        }
    }
}

impl Session<'_> {
    /// Makes a client another user, with no transaction of the one before.
    pub fn log_in(&mut self, client: usize, name: &str, password: &str) {
        let client = &mut self.clients[client];
        client.queued.clear();
        for conn in [&mut client.oracle, &mut client.subject] {
            conn.line("RESET");
            conn.protocol = 2;
            assert_eq!(conn.cmd(&["AUTH", name, password]).text(), "OK");
        }
    }

    /// Sends all commands to both servers, in one pipeline as long as the client is the same, and
    /// compares what comes back, up to the first difference: after that, the two hold different
    /// data.
    pub fn exchange(&mut self, commands: &[Command]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for turn in commands.chunk_by(|a, b| a.client == b.client) {
            outcomes.extend(self.clients[turn[0].client].exchange(turn));
            if outcomes.last().is_some_and(|last| !last.equal) {
                break;
            }
        }
        outcomes
    }
}

impl Client<'_> {
    fn exchange(&mut self, commands: &[Command]) -> Vec<Outcome> {
        let bytes: Vec<u8> = commands
            .iter()
            .flat_map(|command| encode(&command.args))
            .collect();
        let (oracle, subject) = (&mut self.oracle, &mut self.subject);
        let (theirs, ours) = std::thread::scope(|scope| {
            let theirs = scope.spawn(|| oracle.try_pipeline_raw(&bytes, commands.len()));
            let ours = subject.try_pipeline_raw(&bytes, commands.len());
            (theirs.join().expect("reading does not panic"), ours)
        });
        let mut outcomes = Vec::with_capacity(commands.len());
        for ((command, theirs), ours) in commands.iter().zip(theirs).zip(ours) {
            let equal = self.judge(command, &theirs, &ours);
            let reply = |answer: Result<(Reply, Vec<u8>), _>| answer.map(|(reply, _)| reply);
            outcomes.push(Outcome {
                theirs: reply(theirs),
                ours: reply(ours),
                equal,
            });
            if !equal {
                break;
            }
        }
        outcomes
    }

    fn judge(
        &mut self,
        command: &Command,
        theirs: &Result<(Reply, Vec<u8>), ReadError>,
        ours: &Result<(Reply, Vec<u8>), ReadError>,
    ) -> bool {
        let (Ok((theirs, their_bytes)), Ok((ours, our_bytes))) = (theirs, ours) else {
            return false;
        };
        let queued = self.follow_transaction(command, theirs);
        if their_bytes == our_bytes {
            return true;
        }
        match (queued, theirs, ours) {
            (Some(queued), Reply::Array(theirs), Reply::Array(ours)) => {
                theirs.len() == queued.len()
                    && ours.len() == queued.len()
                    && queued.iter().zip(theirs.iter().zip(ours)).all(
                        |(command, (theirs, ours))| {
                            command.row.compare.accepts(theirs, ours)
                                || self.exceptions.cover(command, theirs, ours)
                        },
                    )
            }
            _ => {
                let exact = command.row.compare == Compare::Exact;
                (!exact && command.row.compare.accepts(theirs, ours))
                    || self.exceptions.cover(command, theirs, ours)
            }
        }
    }

    /// Keeps the queue of a transaction; returns it with the reply that belongs to it.
    fn follow_transaction(&mut self, command: &Command, theirs: &Reply) -> Option<Vec<Command>> {
        if *theirs == Reply::Simple(b"QUEUED".to_vec()) {
            self.queued.push(command.clone());
            return None;
        }
        let ends = ["EXEC", "DISCARD", "RESET", "MULTI"]
            .iter()
            .any(|name| command.args[0].eq_ignore_ascii_case(name.as_bytes()));
        // A refused MULTI or EXEC with a wrong number of arguments leaves the queue alone.
        (ends && !theirs.is_error() || command.args[0].eq_ignore_ascii_case(b"EXEC"))
            .then(|| std::mem::take(&mut self.queued))
    }
}
