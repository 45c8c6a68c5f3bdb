//! The checker finds what is wrong, and nothing where nothing is.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::anomaly::Class;
use super::check::check;
use super::exhaustive::is_strictly_serializable;
use super::history::{Answer, History, Kind};
use super::simulate::{Fault, simulate};
use super::workload::Shape;

const ROUNDS: u64 = 20;
const SMALL_ROUNDS: u64 = 20_000;

/// In each of several rounds with the fault, the checker must find one of these first.
#[track_caller]
fn assert_caught(fault: Fault, expected: &[Class]) {
    let shape = match fault {
        Fault::StolenWatch => Shape::of_watchers(8000),
        _ => Shape::of(8000),
    };
    for seed in 0..ROUNDS {
        let found = check(&simulate(&shape, fault, seed));
        let classes: Vec<Class> = found.iter().map(|anomaly| anomaly.class).collect();
        let hit = classes.iter().any(|class| expected.contains(class));
        assert!(hit, "seed {seed}: {fault:?} was taken for {classes:?}");
    }
}

#[test]
fn a_server_without_fault_is_found_to_have_none() {
    for seed in 0..ROUNDS {
        let history = simulate(&Shape::of(8000), Fault::None, seed);
        let found = check(&history);
        assert!(found.is_empty(), "seed {seed}: {}", found[0]);
        let aborted = history.txns.iter().filter(|txn| txn.aborted).count();
        assert!(aborted > 10 && history.steps() > 7000, "{aborted} aborted");
    }
}

#[test]
fn a_stale_read_is_caught() {
    let expected = [Class::RealTime, Class::ReadSkew, Class::Internal];
    assert_caught(Fault::StaleRead, &expected);
}

#[test]
fn a_lost_update_is_caught() {
    assert_caught(Fault::LostUpdate, &[Class::LostWrite, Class::LostUpdate]);
}

#[test]
fn a_write_of_an_aborted_transaction_is_caught() {
    assert_caught(Fault::AbortedWrite, &[Class::AbortedRead]);
}

#[test]
fn a_dirty_read_is_caught() {
    let expected = [
        Class::IntermediateRead,
        Class::ReadSkew,
        Class::CircularFlow,
        Class::Internal,
    ];
    assert_caught(Fault::DirtyRead, &expected);
}

#[test]
fn a_fractured_read_is_caught() {
    assert_caught(
        Fault::FracturedRead,
        &[Class::ReadSkew, Class::RealTime, Class::Internal],
    );
}

#[test]
fn an_exec_that_others_write_into_is_caught() {
    let expected = [Class::Internal, Class::ReadSkew, Class::IntermediateRead];
    assert_caught(Fault::ExecNotIsolated, &expected);
}

#[test]
fn write_skew_is_caught() {
    let expected = [Class::WriteSkew, Class::ReadSkew, Class::RealTime];
    assert_caught(Fault::WriteSkew, &expected);
}

#[test]
fn a_watch_that_misses_a_change_is_caught() {
    let expected = [Class::ReadSkew, Class::LostUpdate, Class::Internal];
    assert_caught(Fault::MissedWatch, &expected);
}

#[test]
fn a_watch_that_goes_with_anothers_is_caught() {
    let expected = [
        Class::ReadSkew,
        Class::LostUpdate,
        Class::Internal,
        Class::RealTime,
    ];
    assert_caught(Fault::StolenWatch, &expected);
}

#[test]
fn a_write_confirmed_before_it_is_done_is_caught() {
    assert_caught(Fault::LateWrite, &[Class::RealTime]);
}

#[test]
fn a_duplicate_append_is_caught() {
    assert_caught(Fault::DuplicateAppend, &[Class::Duplicate]);
}

#[test]
fn a_lost_append_is_caught() {
    assert_caught(Fault::LostAppend, &[Class::LostWrite]);
}

/// Small rounds, half of them with a fault or with one answer changed; what the checker says and
/// what trying every order says. Returns how many were found right and wrong.
#[track_caller]
fn compare(shape: &Shape, exact: bool) -> [u32; 2] {
    let mut verdicts = [0; 2];
    let faults = [
        Fault::None,
        Fault::StaleRead,
        Fault::LostUpdate,
        Fault::FracturedRead,
        Fault::DirtyRead,
        Fault::ExecNotIsolated,
        Fault::MissedWatch,
        Fault::LateWrite,
        Fault::DuplicateAppend,
    ];
    for seed in 0..SMALL_ROUNDS {
        let fault = faults[seed as usize % faults.len()];
        let mut history = simulate(shape, fault, seed);
        if seed % 2 == 1 {
            change_an_answer(&mut history, seed);
        }
        let (found, right) = (check(&history), is_strictly_serializable(&history));
        verdicts[usize::from(!right)] += 1;
        let agree = found.is_empty() == right || (!exact && found.is_empty());
        let shown = || {
            history
                .txns
                .iter()
                .map(|txn| format!("\n{txn}"))
                .collect::<String>()
        };
        assert!(
            agree,
            "seed {seed}, {fault:?}, right: {right}, found {found:?}:{}",
            shown()
        );
    }
    verdicts
}

/// Makes a client see something else, which may or may not be possible.
fn change_an_answer(history: &mut History, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let values: Vec<u64> = history
        .txns
        .iter()
        .flat_map(|txn| txn.steps.iter().filter_map(|(step, _)| step.value()))
        .collect();
    let at = rng.random_range(0..history.txns.len());
    let steps = &mut history.txns[at].steps;
    let at = rng.random_range(0..steps.len());
    match &mut steps[at].1 {
        Answer::Nothing => {}
        Answer::Number(number) => *number = (*number + rng.random_range(0..3)).saturating_sub(1),
        Answer::Value(value) if values.is_empty() => *value = 0,
        Answer::Value(value) => *value = values[rng.random_range(0..values.len())],
        Answer::List(list) if rng.random_bool(0.5) => drop(list.pop()),
        Answer::List(list) => list.reverse(),
    }
}

fn small(kinds: fn(Kind) -> bool, several: bool) -> Shape {
    Shape {
        clients: 3,
        steps: 3,
        groups: 1,
        group_keys: 3,
        batch_max: 2,
        kinds,
        several,
        disturb: false,
        scripts: true,
        script_txns: false,
        watches: false,
    }
}

#[test]
fn transactions_on_lists_and_counters_are_judged_exactly() {
    let verdicts = compare(&small(|kind| kind != Kind::Register, true), true);
    assert!(verdicts.iter().all(|&count| count > 300), "{verdicts:?}");
}

#[test]
fn a_register_by_itself_is_judged_exactly() {
    let shape = Shape {
        steps: 4,
        ..small(|kind| kind == Kind::Register, false)
    };
    let verdicts = compare(&shape, true);
    assert!(verdicts.iter().all(|&count| count > 300), "{verdicts:?}");
}

#[test]
fn transactions_on_registers_are_never_wrongly_accused() {
    let verdicts = compare(&small(|_| true, true), false);
    assert!(verdicts.iter().all(|&count| count > 300), "{verdicts:?}");
}
