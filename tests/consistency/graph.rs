//! A graph of dependencies between transactions, and the search for a cycle in it.

use std::collections::VecDeque;

use super::history::Key;

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its version of the key is the earlier one.
    WriteWrite(Key),
    /// The other read what it wrote.
    WriteRead(Key),
    /// The other wrote over what it had read.
    ReadWrite(Key),
    /// Order within a connection, or real time.
    Time,
}

/// One dependency between two transactions, by their numbers.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    pub cause: Cause,
}

/// How many nodes of a knot are tried as a cycle's beginning, to find a short one.
const STARTS_MAX: usize = 64;

/// A short cycle; `None` if there is none.
///
/// Cost: linear in nodes and edges (strongly connected components after Tarjan, 1972).
pub fn cycle(nodes: usize, edges: &[Edge]) -> Option<Vec<Edge>> {
    let graph = Adjacent::new(nodes, edges.to_vec());
    let component = graph.components();
    let mut size = vec![0_u32; nodes];
    for &each in &component {
        size[each as usize] += 1;
    }
    let knotted = (0..nodes).filter(|&node| size[component[node] as usize] > 1);
    knotted
        .take(STARTS_MAX)
        .filter_map(|start| graph.shortest_cycle(start, &component))
        .min_by_key(Vec::len)
}

/// Edges sorted by where they begin.
struct Adjacent {
    /// Where each node's edges begin in `edges`; one more at the end.
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl Adjacent {
    fn new(nodes: usize, mut edges: Vec<Edge>) -> Adjacent {
        edges.sort_unstable_by_key(|edge| edge.from);
        let mut starts = vec![0; nodes + 1];
        for edge in &edges {
            starts[edge.from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Adjacent { starts, edges }
    }

    fn of(&self, node: usize) -> &[Edge] {
        &self.edges[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// The number of each node's strongly connected component.
    fn components(&self) -> Vec<u32> {
        const UNSEEN: u32 = u32::MAX;
        let nodes = self.starts.len() - 1;
        let mut component = vec![UNSEEN; nodes];
        let (mut index, mut low) = (vec![UNSEEN; nodes], vec![0; nodes]);
        let (mut next_index, mut next_component) = (0, 0);
        // The nodes of unfinished components, and the path being walked with its position.
        let (mut open, mut path) = (Vec::new(), Vec::new());
        for root in 0..nodes {
            if index[root] == UNSEEN {
                path.push((root, 0));
            }
            while let Some((node, at)) = path.pop() {
                if at == 0 {
                    index[node] = next_index;
                    low[node] = next_index;
                    next_index += 1;
                    open.push(node);
                }
                if let Some(edge) = self.of(node).get(at) {
                    let to = edge.to as usize;
                    path.push((node, at + 1));
                    if index[to] == UNSEEN {
                        path.push((to, 0));
                    } else if component[to] == UNSEEN {
                        low[node] = low[node].min(index[to]);
                    }
                    continue;
                }
                if low[node] == index[node] {
                    while let Some(member) = open.pop() {
                        component[member] = next_component;
                        if member == node {
                            break;
                        }
                    }
                    next_component += 1;
                }
                if let Some(&(parent, _)) = path.last() {
                    low[parent] = low[parent].min(low[node]);
                }
            }
        }
        component
    }

    /// The shortest way from a node back to itself, inside its component.
    fn shortest_cycle(&self, start: usize, component: &[u32]) -> Option<Vec<Edge>> {
        let mut reached_by: Vec<Option<Edge>> = vec![None; component.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for edge in self.of(node) {
                let to = edge.to as usize;
                if component[to] != component[start] || reached_by[to].is_some() {
                    continue;
                }
                reached_by[to] = Some(*edge);
                if to == start {
                    return Some(walk_back(start, &reached_by));
                }
                queue.push_back(to);
            }
        }
        None
    }
}

fn walk_back(start: usize, reached_by: &[Option<Edge>]) -> Vec<Edge> {
    let mut cycle = Vec::new();
    let mut node = start;
    loop {
        let edge = reached_by[node].expect("it was reached");
        cycle.push(edge);
        node = edge.from as usize;
        if node == start {
            cycle.reverse();
            return cycle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Edge, cycle};

    fn edges(pairs: &[(u32, u32)]) -> Vec<Edge> {
        let edge = |&(from, to)| Edge {
            from,
            to,
            cause: Cause::Time,
        };
        pairs.iter().map(edge).collect()
    }

    #[test]
    fn the_shortest_cycle_is_found_and_none_where_none_is() {
        let none = edges(&[(0, 1), (1, 2), (0, 2), (3, 2), (2, 4)]);
        assert!(cycle(5, &none).is_none());
        let knot = edges(&[(0, 1), (1, 2), (2, 3), (3, 0), (3, 2), (4, 0)]);
        let found = cycle(5, &knot).expect("there are two");
        let ends: Vec<_> = found.iter().map(|edge| (edge.from, edge.to)).collect();
        assert!(
            ends == [(2, 3), (3, 2)] || ends == [(3, 2), (2, 3)],
            "{ends:?}"
        );
    }
}
