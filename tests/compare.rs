//! The end-to-end comparison works: a tiny run of it fills every table.
//!
//! `benches/compare` is included as a module, since a bench of its own kind has no tests.

#[path = "../benches/compare/main.rs"]
#[allow(dead_code)] // Its `main` and the command line are the bench's alone.
mod compare;

use compare::options::Options;
use compare::report::{Table, median, ratio};
use compare::request::{Batch, Op, Pick};

#[test]
fn quick_run_fills_every_table() {
    let options = Options::quick();
    let report = compare::run(&options).expect("the comparison runs");
    assert_eq!(report.failures, Vec::<String>::new());
    let sections: Vec<_> = report.sections.iter().map(|section| section.name).collect();
    let asked: Vec<_> = options
        .sections
        .iter()
        .map(|section| section.name)
        .collect();
    assert_eq!(sections, asked);
    for table in report.sections.iter().flat_map(|section| &section.tables) {
        assert!(!table.rows.is_empty(), "{} has no rows", table.title);
        for row in &table.rows {
            assert_eq!(row.len(), table.columns.len(), "{}: {row:?}", table.title);
            ratios_are_sound(table, row);
        }
    }
    let text = report.markdown();
    assert!(text.contains("| redistill / redis-server |"), "{text}");
}

/// Growth of memory may round to nothing in so small a run, and instructions, a difference of two
/// runs, drown in what the background does under valgrind; time may not.
fn ratios_are_sound(table: &Table, row: &[String]) {
    let small = ["Resident memory", "User instructions"];
    let measured = !small.iter().any(|title| table.title.starts_with(title));
    let cells = table.columns.iter().zip(row);
    for (_, cell) in cells.filter(|(head, _)| *head == "redistill / redis-server") {
        let bold = cell
            .split("**")
            .nth(1)
            .unwrap_or_else(|| panic!("no ratio in {row:?}"));
        let value: f64 = bold.parse().expect("a ratio is a number");
        assert!(
            value.is_finite() && (value > 0.0 || !measured),
            "{}: {row:?}",
            table.title
        );
    }
}

#[test]
fn a_ratio_is_the_median_of_the_ratios_of_neighbours() {
    // The machine slows down fourfold half-way: neighbours still compare.
    let ratio = ratio(&[1.0, 1.0, 4.0, 4.0, 5.0], &[2.0, 2.0, 8.0, 8.0, 10.0]);
    assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    assert!(median(&[]).is_nan());
}

#[test]
fn a_batch_rewrites_only_its_key_numbers() {
    let pick = Pick::Sequence { next: 7 };
    let mut batch = Batch::new(&Op::get(), true, 2, 3, pick).expect("GET exists");
    let request = |number: &str| format!("*2\r\n$3\r\nGET\r\n$16\r\nkey:{number}\r\n");
    let both = |a: &str, b: &str| request(a) + &request(b);
    assert_eq!(
        batch.next(),
        both("000000000007", "000000000008").as_bytes()
    );
    assert_eq!(
        batch.next(),
        both("000000000009", "000000000010").as_bytes()
    );
}

#[test]
fn nine_of_ten_spares_the_multiples_of_ten() {
    let pick = Pick::NineOfTen { next: 0 };
    let mut batch = Batch::new(&Op::del(), true, 18, 0, pick).expect("DEL exists");
    let text = String::from_utf8(batch.next().to_vec()).expect("requests are text");
    let numbers: Vec<u64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("key:"))
        .map(|digits| digits.parse().expect("a key ends in its number"))
        .collect();
    assert_eq!(
        numbers,
        [(1..10).collect::<Vec<_>>(), (11..20).collect()].concat()
    );
}
