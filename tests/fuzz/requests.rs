//! Requests: arrays of bulk strings, inline commands, and their quoting.

use crate::driver::{Outcome, Target, fuzz, words};
use redistill::base::quote::quoted;
use redistill::protocol::Args;
use redistill::protocol::request::{Decoded, Decoder, Limits, ProtocolError, QUOTED, split_inline};
use std::mem::discriminant;

type Requests = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn limits(authenticated: bool) -> Limits {
    Limits {
        arguments: if authenticated { 1 << 20 } else { 10 },
        bulk_bytes: if authenticated { 1 << 20 } else { 64 },
        large_bytes: if authenticated { 24 } else { usize::MAX },
        inline_bytes: if authenticated { 1024 } else { 128 },
        authenticated,
    }
}

/// All requests in `input`, which arrives in pieces of these sizes, over and over; and the error
/// that ended it. Does what a connection does.
fn decode(input: &[u8], limits: &Limits, pieces: &[usize], restarts: bool) -> Requests {
    let mut decoder = Decoder::default();
    let (mut held, mut requests) = (Vec::new(), Vec::new());
    let mut arriving: Option<(usize, usize, Vec<u8>)> = None;
    let mut sizes = pieces.iter().cycle();
    let mut rest = input;
    while !rest.is_empty() {
        let size = (*sizes.next().expect("there is a size")).clamp(1, rest.len());
        let (piece, later) = rest.split_at(size);
        rest = later;
        held.extend_from_slice(piece);
        loop {
            if let Some((at, len, value)) = &mut arriving {
                let end = held.len().min(*at + *len - value.len());
                value.extend(held.drain(*at..end));
                if value.len() < *len {
                    break;
                }
                decoder.supply(*at, std::mem::take(value).into());
                arriving = None;
            }
            if restarts {
                decoder.restart();
            }
            let mut spans = Vec::new();
            let decoded = decoder.decode(&held, 0, limits, &mut spans);
            let memory = decoder.held_bytes() + spans.capacity() * 8;
            assert!(
                memory <= 16 * input.len() + 256,
                "{memory} bytes for {}",
                input.len()
            );
            match decoded {
                Err(error) => return (requests, Some(error)),
                Ok(Decoded::Request { end }) => {
                    assert!(0 < end && end <= held.len());
                    let args = Args::with_large(&held, &spans, decoder.supplied());
                    match request(args, spans.first().is_some_and(|span| span.len == QUOTED)) {
                        Ok(request) => requests.push(request),
                        Err(error) => return (requests, Some(error)),
                    }
                    decoder.release();
                    held.drain(..end);
                }
                Ok(Decoded::Incomplete { total }) => {
                    assert!(total > held.len(), "asks for what is there already");
                    break;
                }
                Ok(Decoded::Large { at, len }) => {
                    assert!(at <= held.len() && held.len() < at + len + 2);
                    arriving = Some((at, len, Vec::new()));
                }
            }
        }
    }
    (requests, None)
}

/// The arguments of a request; those of an inline one with quotes in it are split first.
fn request(args: Args<'_>, is_quoted: bool) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let owned = match is_quoted {
        true => split_inline(args.at(1))?,
        false => args.to_owned(),
    };
    let args = owned.as_args();
    assert_eq!(
        args.total_bytes(),
        args.from(0).map(<[u8]>::len).sum::<usize>()
    );
    Ok(args.from(0).map(<[u8]>::to_vec).collect())
}

fn encode(request: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for arg in request {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The first bytes say how the others arrive.
fn check(data: &[u8], outcome: &mut Outcome) {
    let (&[mode, first, second], input) = data.split_first_chunk().unwrap_or((&[0; 3], &[]));
    let limits = limits(mode & 1 == 0);
    let whole = decode(input, &limits, &[input.len()], false);
    let pieces = [usize::from(first) + 1, usize::from(second >> 3) + 1];
    assert_eq!(whole, decode(input, &limits, &pieces, mode & 2 != 0));
    assert_eq!(whole, decode(input, &limits, &[1], false), "byte by byte");
    let (requests, error) = whole;
    outcome.note(error.map(|error| discriminant(&error)));
    for request in &requests {
        let shape = (request.len().min(5), request.iter().map(Vec::len).max());
        outcome.note(shape);
    }
    // What was understood is understood the same when it is said again in the usual form.
    let again: Vec<u8> = requests
        .iter()
        .flat_map(|request| encode(request))
        .collect();
    assert_eq!(
        decode(&again, &self::limits(true), &[7, 100], true),
        (requests, None)
    );
}

#[test]
fn requests() {
    let large = encode(&[b"SET".to_vec(), b"k".to_vec(), vec![b'v'; 100]]);
    let mut seeds = words(&[
        "000*1\r\n$4\r\nPING\r\n",
        "\x01\x05\x20*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
        "\x02\x01\x10PING\r\nset k 'a b' \"c\\x41\\n\"\r\n*0\r\n*-1\r\n\r\n",
        "\x00\x02\x09*1\r\n$0\r\n\r\n*1\r\n$-1\r\n",
        "\x04\x40\x01GET key\nGET key\n",
    ]);
    for mode in 0..4 {
        seeds.push([&[mode, 10, 70][..], &large, b"*1\r\n$4\r\nPING\r\n", &large].concat());
    }
    let target = Target {
        name: "requests",
        inputs: 40_000,
        seeds,
        words: words(&[
            "*1\r\n",
            "*3\r\n",
            "$1\r\n",
            "$24\r\n",
            "$30\r\n",
            "$64\r\n",
            "\r\n",
            "\r",
            "\n",
            "*",
            "$",
            "-1",
            "\"",
            "'",
            "\\x",
            "\\",
            " ",
            "*1048577\r\n",
            "$1048577\r\n",
        ]),
    };
    fuzz(&target, check);
}

#[test]
fn quotes() {
    let target = Target {
        name: "quotes",
        inputs: 50_000,
        seeds: words(&[
            "set k v",
            r#"a "b c" 'd\'e' "\x00\xff\n\"" "#,
            "\"\" ''",
            "a\0b \tc",
        ]),
        words: words(&[
            "\"", "'", "\\", "\\x", "\\x4", "\\x41", " ", "\\n", "\\'", "\\\"", "\0",
        ]),
    };
    fuzz(&target, |line, outcome| {
        // As the words of a line …
        let split = split_inline(line);
        outcome.note(split.as_ref().map(|args| args.as_args().len().min(5)).ok());
        if let Ok(args) = split {
            let args = args.as_args();
            assert!(
                args.total_bytes() <= line.len(),
                "words are no longer than their line"
            );
            outcome.note(args.from(0).map(|arg| arg.len().min(4)).collect::<Vec<_>>());
            let mut again = Vec::new();
            for arg in args.from(0) {
                quoted(arg, &mut again);
                again.push(b' ');
            }
            let reread = split_inline(&again).expect("what is quoted is well-formed");
            assert!(reread.as_args().from(0).eq(args.from(0)));
        }
        // … and as one word.
        let mut one = Vec::new();
        quoted(line, &mut one);
        let args = split_inline(&one).expect("what is quoted is well-formed");
        assert!(args.as_args().from(0).eq([line]));
    });
}
