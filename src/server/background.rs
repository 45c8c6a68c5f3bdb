//! One thread for what must not disturb the workers: freeing big things, holding memory to its
//! limit, keeping the clocks together.

use super::resident::resident_bytes;
use super::worker::{Purger, WorkerHandle};
use crate::base::priority;
use crate::base::slab::SLABS;
use crate::keyspace::defrag::{Memory, Trigger};
use crate::keyspace::memory::{Governor, collect_freed};
use crate::keyspace::reaper;
use crate::keyspace::table::Table;
use crate::session::{Doom, Flag, Shared};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often the thread looks.
const TICK: Duration = Duration::from_millis(20);
/// Ticks between two comparisons of the clocks.
const TICKS_PER_SECOND: u64 = 50;

/// Starts the thread.
pub fn start(shared: &Arc<Shared>, _workers: &Arc<Vec<WorkerHandle>>) -> io::Result<()> {
    let shared = Arc::clone(shared);
    if let Some(reaper) = reaper::open() {
        let thread = std::thread::Builder::new().name("reaper".into());
        thread.spawn(|| reaper.run())?;
    }
    std::thread::Builder::new()
        .name("background".into())
        .spawn(move || {
            priority::stand_back(priority::HOUSEKEEPING);
            let mut governor = Governor::default();
            let mut trigger = Trigger::default();
            let mut purger = Purger::default();
            for tick in 0_u64.. {
                std::thread::sleep(TICK);
                shared
                    .keyspace
                    .garbage
                    .collect()
                    .into_iter()
                    .for_each(|table| free(&shared, table));
                SLABS.purge();
                govern_memory(&shared, &mut governor, &mut trigger);
                if tick.is_multiple_of(TICKS_PER_SECOND) {
                    shared.clock.resync();
                    let held = shared.clients.held_bytes();
                    shared.metrics.client_bytes.store(held, Relaxed);
                    shed_clients(&shared, held);
                    take_samples(&shared, tick / TICKS_PER_SECOND);
                    purger.collect(&shared.metrics);
                }
            }
        })?;
    Ok(())
}

/// Frees a flushed table.
fn free(shared: &Shared, table: Table) {
    let bytes = table.bytes();
    drop(table);
    shared.keyspace.freeing_done(bytes);
    collect_freed();
}

/// Sets how much entries may take, from what is resident.
fn govern_memory(shared: &Shared, governor: &mut Governor, trigger: &mut Trigger) {
    let resident = resident_bytes();
    let metrics = &shared.metrics;
    metrics.resident_bytes.store(resident, Relaxed);
    let used = shared.used_memory_with(metrics.client_bytes.load(Relaxed));
    metrics.peak_bytes.fetch_max(used, Relaxed);
    let limit = shared.config.load().memory.max_memory;
    let keyspace = &shared.keyspace;
    // What is being freed is on its way back: nothing is evicted for it.
    let freeing = keyspace.freeing_bytes() + reaper::waiting_bytes();
    let staying = resident.saturating_sub(freeing);
    let allowed = governor.allow(limit, staying, keyspace.used_bytes());
    keyspace.set_allowed_bytes(allowed);
    let passes = &keyspace.defrag;
    let memory = Memory {
        resident_bytes: resident,
        expected_bytes: used,
        limit_bytes: limit,
    };
    if let Some(pass) = trigger.look(memory, passes.gained_bytes(), passes.is_running()) {
        passes.start(pass, shared.config.load().server.worker_count());
        tracing::debug!(
            resident,
            used,
            "moving entries to give fragmented memory back"
        );
    }
}

/// Takes the samples that statistics are computed from.
fn take_samples(shared: &Shared, turn: u64) {
    let now_ms = shared.clock.now_ms();
    let metrics = &shared.metrics;
    metrics.sample(now_ms);
    metrics
        .average_ttl
        .sample(&shared.keyspace, now_ms, turn as usize);
}

/// Disconnects the largest clients until all together fit their budget; `held` is what they hold.
fn shed_clients(shared: &Shared, mut held: u64) {
    let Some(budget) = shared.config.load().memory.client_memory_limit() else {
        return;
    };
    if held <= budget {
        return;
    }
    let mut clients = shared.clients.all();
    clients.retain(|client| !client.is(Flag::NoEvict));
    clients.sort_unstable_by_key(|client| std::cmp::Reverse(client.held_bytes()));
    for client in clients {
        if held <= budget {
            return;
        }
        held -= client.held_bytes().min(held);
        client.doom(Doom::Shed);
    }
}
