//! Who surely came before whom: in one connection's order, and in real time.
//!
//! *a* precedes *b* when both came over one connection in this order, or when *a*'s reply was
//! there before *b* was sent. Of all such pairs only a transitive reduction is wanted. As in Elle,
//! a frontier holds what has ended and is not yet followed by something that has ended as well; who
//! starts comes after the frontier. A client has at most one batch in it, so an event costs as many
//! pairs as there are clients.

/// Something that happened once between two times, over one connection.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub client: u32,
    pub batch: u32,
    pub sent: u64,
    pub received: u64,
}

/// Requests of one batch: they follow each other, and nothing else is known of their times.
struct Group {
    first: usize,
    last: usize,
    before: Vec<usize>,
}

/// Calls `follows(a, b)` for pairs of positions in `spans` whose transitive closure is all that is
/// known. The spans of one batch must be neighbours, in the order sent.
///
/// Cost: O(n log n) for the times, and as many pairs as clients for each batch.
pub fn precedence(spans: &[Span], mut follows: impl FnMut(usize, usize)) {
    let mut groups: Vec<Group> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        match at.checked_sub(1).map(|before| &spans[before]) {
            Some(prior) if (prior.client, prior.batch) == (span.client, span.batch) => {
                follows(at - 1, at);
                groups.last_mut().expect("of the prior span").last = at;
            }
            _ => groups.push(Group {
                first: at,
                last: at,
                before: Vec::new(),
            }),
        }
    }
    // Of equal times the sending comes first: such batches may have met.
    let mut events: Vec<(u64, bool, usize)> = Vec::with_capacity(2 * groups.len());
    for (at, group) in groups.iter().enumerate() {
        events.push((spans[group.first].sent, false, at));
        events.push((spans[group.last].received, true, at));
    }
    events.sort_unstable();
    let mut frontier: Vec<usize> = Vec::new();
    for (_, ended, at) in events {
        if ended {
            let before = std::mem::take(&mut groups[at].before);
            frontier.retain(|earlier| !before.contains(earlier));
            frontier.push(at);
        } else {
            for &earlier in &frontier {
                follows(groups[earlier].last, groups[at].first);
            }
            groups[at].before.clone_from(&frontier);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, precedence};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Every pair that is known, the long way.
    fn all_pairs(spans: &[Span]) -> Vec<Vec<bool>> {
        let precedes = |a: usize, b: usize| {
            let (first, second) = (&spans[a], &spans[b]);
            let same = (first.client, first.batch) == (second.client, second.batch);
            first.received < second.sent || (same && a < b)
        };
        let n = spans.len();
        (0..n)
            .map(|a| (0..n).map(|b| precedes(a, b)).collect())
            .collect()
    }

    #[test]
    fn the_reduction_has_the_closure_of_all_pairs() {
        let mut rng = StdRng::seed_from_u64(5);
        for _ in 0..500 {
            let mut spans = Vec::new();
            for client in 0..4 {
                let mut now = rng.random_range(0..10);
                for batch in 0..5 {
                    let sent = now + rng.random_range(1..6);
                    let received = sent + rng.random_range(1..9);
                    for _ in 0..rng.random_range(0..3) {
                        spans.push(Span {
                            client,
                            batch,
                            sent,
                            received,
                        });
                    }
                    now = received;
                }
            }
            let n = spans.len();
            let mut reach = vec![vec![false; n]; n];
            precedence(&spans, |a, b| reach[a][b] = true);
            for middle in 0..n {
                for from in 0..n {
                    for to in 0..n {
                        reach[from][to] |= reach[from][middle] && reach[middle][to];
                    }
                }
            }
            assert_eq!(reach, all_pairs(&spans));
        }
    }
}
