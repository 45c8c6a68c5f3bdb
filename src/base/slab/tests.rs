use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::mpsc::channel;

#[test]
fn classes_waste_little_and_fill_their_slabs() {
    for size in SIZE_MIN..=SIZE_MAX {
        let block = block_bytes(size);
        assert!(fits(size) && block >= size && block.is_multiple_of(UNIT));
        assert_eq!(block_bytes(block), block, "a block has its own class");
        let waste_max = (block * block / SLAB_BYTES).max(UNIT) + UNIT;
        assert!(block - size < waste_max, "{size} takes {block}");
        let left = SLAB_BYTES % block;
        assert!(left < SLAB_BYTES / 64, "{block} leaves {left}");
    }
    assert!(!fits(0) && !fits(SIZE_MIN - 1) && !fits(SIZE_MAX + 1) && !fits(usize::MAX));
    assert_eq!(block_bytes(1048), 1056);
}

fn fill(block: NonNull<u8>, size: usize, mark: u8) {
    // SAFETY: the tests own the blocks they ask for.
    unsafe { block.write_bytes(mark, size) };
}

fn is_filled(block: NonNull<u8>, size: usize, mark: u8) -> bool {
    // SAFETY: as above; `fill` has initialised it.
    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
    bytes.iter().all(|byte| *byte == mark)
}

/// A live block: its size and what it is filled with.
type Live = BTreeMap<usize, (usize, u8)>;

fn take(slabs: &'static Slabs, live: &mut Live, size: usize, mark: u8) {
    let block = slabs.allocate(size).expect("memory");
    let address = block.as_ptr().addr();
    assert_eq!(address % UNIT, 0);
    let end = address + block_bytes(size);
    assert_eq!(address / SLAB_BYTES, (end - 1) / SLAB_BYTES, "in one slab");
    let before = live.range(..end).next_back();
    if let Some((other, (other_size, _))) = before {
        assert!(other + block_bytes(*other_size) <= address, "they overlap");
    }
    fill(block, size, mark);
    live.insert(address, (size, mark));
}

fn give_back(slabs: &'static Slabs, live: &mut Live, victim: usize) {
    let Some((&address, &(size, mark))) = live.iter().nth(victim % live.len().max(1)) else {
        return;
    };
    let block: *mut u8 = std::ptr::with_exposed_provenance_mut(address);
    let block = NonNull::new(block).expect("it was live");
    assert!(is_filled(block, size, mark), "somebody wrote to it");
    live.remove(&address);
    // SAFETY: it left the model just now.
    unsafe { slabs.free(block, size) };
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize, usize),
    GiveBack(Vec<usize>),
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![SIZE_MIN..300, SIZE_MIN..=SIZE_MAX, Just(1048_usize)];
    prop_oneof![
        4 => (size, 1_usize..100).prop_map(|(size, count)| Step::Take(size, count)),
        3 => prop::collection::vec(any::<usize>(), 1..150).prop_map(Step::GiveBack),
        1 => Just(Step::Purge),
    ]
}

proptest! {
    #[test]
    fn blocks_are_apart_and_keep_their_bytes(steps in prop::collection::vec(step(), 1..40)) {
        static SLABS: Slabs = Slabs::new();
        let mut live = Live::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Take(size, count) => {
                    (0..count).for_each(|_| take(&SLABS, &mut live, size, number as u8));
                }
                Step::GiveBack(victims) => {
                    victims.into_iter().for_each(|victim| give_back(&SLABS, &mut live, victim));
                }
                Step::Purge => SLABS.purge(),
            }
        }
        while !live.is_empty() {
            give_back(&SLABS, &mut live, 0);
        }
        let taken = SLABS.pool.lock().taken();
        prop_assert_eq!(SLABS.pool.lock().count().0, taken, "all slabs are in the pool again");
    }
}

#[test]
fn what_is_not_taken_again_goes_back() {
    static SLABS: Slabs = Slabs::new();
    let blocks: Vec<_> = (0..640).map(|_| SLABS.allocate(1024)).collect();
    let free_all = |blocks: Vec<Option<NonNull<u8>>>| {
        for block in blocks.into_iter().flatten() {
            // SAFETY: allocated with this size, and freed once.
            unsafe { SLABS.free(block, 1024) };
        }
    };
    free_all(blocks);
    assert_eq!(SLABS.pool.lock().count(), (10, 10));
    SLABS.purge();
    assert_eq!(SLABS.pool.lock().count(), (10, 10), "it may be wanted");
    let again: Vec<_> = (0..64).map(|_| SLABS.allocate(1024)).collect();
    free_all(again);
    SLABS.purge();
    assert_eq!(SLABS.pool.lock().count(), (10, 1), "one was wanted");
    let all: Vec<_> = (0..640).map(|_| SLABS.allocate(500)).collect();
    assert!(SLABS.pool.lock().count().0 < 10, "they are used again");
    for block in all.into_iter().flatten() {
        fill(block, 500, 7);
        // SAFETY: allocated with this size, and freed once.
        unsafe { SLABS.free(block, 500) };
    }
}

#[test]
fn other_threads_free_what_one_allocates() {
    static SLABS: Slabs = Slabs::new();
    const BLOCKS: usize = 20_000;
    let (sender, receiver) = channel::<(usize, usize, u8)>();
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for thread in 0..3_u8 {
            let sender = sender.clone();
            scope.spawn(move || {
                for number in 0..BLOCKS {
                    let size = SIZE_MIN + number * 7 % 900;
                    let block = SLABS.allocate(size).expect("memory");
                    fill(block, size, thread);
                    let address = block.as_ptr().expose_provenance();
                    sender.send((address, size, thread)).expect("received");
                }
            });
        }
        drop(sender);
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = receiver.lock().recv();
                    let Ok((address, size, mark)) = next else {
                        break;
                    };
                    let block: *mut u8 = std::ptr::with_exposed_provenance_mut(address);
                    let block = NonNull::new(block).expect("an address");
                    assert!(is_filled(block, size, mark));
                    // SAFETY: handed over by its owner, and freed once.
                    unsafe { SLABS.free(block, size) };
                }
            });
        }
    });
    let taken = SLABS.pool.lock().taken();
    assert_eq!(SLABS.pool.lock().count().0, taken);
}

#[test]
#[should_panic(expected = "freed with the size it has")]
fn a_wrong_size_is_noticed() {
    static SLABS: Slabs = Slabs::new();
    let block = SLABS.allocate(1000).expect("memory");
    // SAFETY: it is not: the class is wrong, which is found before anything is done.
    unsafe { SLABS.free(block, 2000) };
}
