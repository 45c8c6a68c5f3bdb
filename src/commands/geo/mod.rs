//! Positions on the globe, stored in sorted sets.

mod add;
mod read;
mod rows;
mod search;

use super::spec::category;
use super::table::Family;
use crate::base::float;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use crate::values::geohash::Point;

/// The family.
pub static FAMILY: Family = Family {
    group: "geo",
    category: category::GEO,
    commands: rows::COMMANDS,
};

/// The position at two arguments, longitude first.
fn position(args: Args<'_>, at: usize) -> Result<Point, Error> {
    let number = |at: usize| float::parse_f64(args.at(at)).ok_or(Error::NotFloat);
    let point = Point {
        longitude: number(at)?,
        latitude: number(at + 1)?,
    };
    if !point.is_valid() {
        return Err(Error::invalid_position(point.longitude, point.latitude));
    }
    Ok(point)
}

/// Metres of a unit of length.
fn unit_m(unit: &[u8]) -> Result<f64, Error> {
    const UNITS: [(&[u8], f64); 4] = [
        (b"m", 1.0),
        (b"km", 1000.0),
        (b"ft", 0.3048),
        (b"mi", 1609.34),
    ];
    let named = UNITS
        .iter()
        .find(|(name, _)| unit.eq_ignore_ascii_case(name));
    named.map(|(_, unit_m)| *unit_m).ok_or(Error::UNIT)
}

/// Replies with a distance: four decimals.
fn reply_distance(distance: f64, reply: &mut Reply<'_>) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

/// Replies with a position: seventeen decimals, less trailing zeros.
fn reply_position(point: Point, reply: &mut Reply<'_>) {
    reply.array(2);
    for degrees in [point.longitude, point.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        reply.double_text(text.as_bytes());
    }
}
