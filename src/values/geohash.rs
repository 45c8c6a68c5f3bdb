//! Positions on the globe as scores of a sorted set, and the search for them.
//!
//! A score is 52 bits: longitude and latitude, each as one of 2^26 steps of its range, interleaved.
//! Positions that share their first bits lie in one cell of a grid, so that a cell is a range of
//! scores. A search picks the grid in which the cell of its centre and the eight around it cover
//! what is searched for, visits those nine ranges, and looks at each position's real distance.
//!
//! Ranges, constants, the choice of the grid and the order of cells are those of Redis: which of
//! several positions come first, and every digit of a distance, depend on them.

use smallvec::SmallVec;
use std::ops::Range;

/// Longitudes go from minus this to this, in degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Latitudes go from minus this to this, in degrees: those of the Mercator projection (EPSG:3857).
pub const LATITUDE_MAX: f64 = 85.051_128_78;
/// The Earth's radius as Redis has it, in metres.
const RADIUS_M: f64 = 6_372_797.560_856;
/// Half of the equator as projected, in metres.
const MERCATOR_MAX_M: f64 = 20_037_726.37;
/// Steps of the finest grid: 2^26 in each direction.
const LEVEL_MAX: u32 = 26;

/// A position, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// East of Greenwich.
    pub longitude: f64,
    /// North of the equator.
    pub latitude: f64,
}

impl Point {
    /// Is it one that can be encoded?
    pub fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// Its score, a whole number of 52 bits. The point is valid.
    pub fn score(self) -> f64 {
        Cell::of(self, LEVEL_MAX, LATITUDE_MAX).bits as f64
    }

    /// The position a score stands for: the middle of its cell. Any score is one.
    pub fn of_score(score: f64) -> Point {
        let cell = Cell {
            bits: to_unsigned(score),
            level: LEVEL_MAX,
        };
        let area = cell.area();
        let middle = |range: &Range<f64>, max: f64| {
            let middle = (range.start + range.end) / 2.0;
            middle.min(max).max(-max)
        };
        Point {
            longitude: middle(&area.longitude, LONGITUDE_MAX),
            latitude: middle(&area.latitude, LATITUDE_MAX),
        }
    }

    /// The distance to another position, in metres: haversine.
    pub fn distance_m(self, other: Point) -> f64 {
        let v = ((other.longitude.rad() - self.longitude.rad()) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (from, to) = (self.latitude.rad(), other.latitude.rad());
        let u = ((to - from) / 2.0).sin();
        let a = u * u + from.cos() * to.cos() * v * v;
        // Between antipodes, rounding may pass 1.
        2.0 * RADIUS_M * a.sqrt().min(1.0).asin()
    }

    /// The geohash as others write it (geohash.org), whose latitudes end at the poles. The last of
    /// the eleven digits would need more bits than there are.
    pub fn geohash(self) -> [u8; 11] {
        const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = Cell::of(self, LEVEL_MAX, 90.0).bits;
        let mut text = [b'0'; 11];
        for (at, digit) in text[..10].iter_mut().enumerate() {
            *digit = DIGITS[(bits >> (47 - at * 5) & 31) as usize];
        }
        text
    }
}

/// A score as the unsigned integer that C's cast makes of it on x86-64, where it is defined by
/// what the processor does: positions of scores that are none are Redis's, too.
fn to_unsigned(score: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    match score {
        score if score >= HALF * 2.0 => 0,
        score if score >= HALF => score as u64,
        score if score < -HALF => 1 << 63,
        score => score as i64 as u64,
    }
}

trait Degrees {
    /// Degrees as radians.
    fn rad(self) -> f64;
    /// Radians as degrees.
    fn deg(self) -> f64;
}

impl Degrees for f64 {
    fn rad(self) -> f64 {
        self * (std::f64::consts::PI / 180.0)
    }

    fn deg(self) -> f64 {
        self / (std::f64::consts::PI / 180.0)
    }
}

fn latitude_distance_m(from: f64, to: f64) -> f64 {
    RADIUS_M * (to.rad() - from.rad()).abs()
}

/// A cell of the grid that has 2^`level` steps in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// Steps of longitude in the odd bits, of latitude in the even ones.
    bits: u64,
    level: u32,
}

/// What a cell covers.
struct Area {
    longitude: Range<f64>,
    latitude: Range<f64>,
}

impl Cell {
    fn of(point: Point, level: u32, latitude_max: f64) -> Cell {
        let steps = (1_u64 << level) as f64;
        let step = |value: f64, max: f64| ((value + max) / (max + max) * steps) as u32;
        Cell {
            bits: spread(step(point.latitude, latitude_max))
                | spread(step(point.longitude, LONGITUDE_MAX)) << 1,
            level,
        }
    }

    fn area(self) -> Area {
        let steps = (1_u64 << self.level) as f64;
        let range = |step: u32, max: f64| {
            let edge = |step: f64| -max + step / steps * (max + max);
            // The number beyond the last wraps, as in Redis; there is none in a valid score.
            edge(step.into())..edge(step.wrapping_add(1).into())
        };
        Area {
            longitude: range(gather(self.bits >> 1), LONGITUDE_MAX),
            latitude: range(gather(self.bits), LATITUDE_MAX),
        }
    }

    /// The cell so many steps east and north; the grid is a torus. On its very edge, at 180° east,
    /// a cell is one beyond the last, and as in Redis stays so unless it moves.
    fn beside(self, east: i32, north: i32) -> Cell {
        let mask = (1_u64 << self.level) as u32 - 1;
        let moved = |step: u32, by: i32| match by {
            0 => step,
            by => step.wrapping_add_signed(by) & mask,
        };
        let longitude = moved(gather(self.bits >> 1), east);
        let latitude = moved(gather(self.bits), north);
        Cell {
            bits: spread(latitude) | spread(longitude) << 1,
            ..self
        }
    }

    /// The scores of positions in it.
    fn scores(self) -> Range<f64> {
        let shift = 2 * (LEVEL_MAX - self.level);
        (self.bits << shift) as f64..((self.bits + 1) << shift) as f64
    }
}

/// The bits of a number, a zero before each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// The even bits of a number.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

/// What is searched for: a figure around a position. Lengths are in units of `unit_m` metres.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// What is no further away than the radius.
    Circle {
        /// The radius.
        radius: f64,
    },
    /// A rectangle with sides along the parallels.
    Box {
        /// From west to east.
        width: f64,
        /// From south to north.
        height: f64,
    },
    /// What lies inside these vertices, three or more.
    Polygon(Vec<Point>),
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    centre: Point,
    shape: Shape,
    unit_m: f64,
}

impl Search {
    /// A search around a position; a polygon's is its own middle. Lengths of the shape are in
    /// units of `unit_m` metres.
    pub fn new(centre: Point, shape: Shape, unit_m: f64) -> Search {
        let centre = match &shape {
            Shape::Polygon(vertices) => middle_of(vertices),
            _ => centre,
        };
        Search {
            centre,
            shape,
            unit_m,
        }
    }

    /// Metres of the unit that lengths are in.
    pub fn unit_m(&self) -> f64 {
        self.unit_m
    }

    /// The distance of a position from the centre in metres, if it is inside.
    pub fn distance_m(&self, point: Point) -> Option<f64> {
        match &self.shape {
            Shape::Circle { radius } => {
                let distance = self.centre.distance_m(point);
                (distance <= radius * self.unit_m).then_some(distance)
            }
            Shape::Box { width, height } => {
                let (width, height) = (width * self.unit_m, height * self.unit_m);
                let above = latitude_distance_m(point.latitude, self.centre.latitude);
                let beside = || {
                    let below_centre = Point {
                        longitude: self.centre.longitude,
                        ..point
                    };
                    point.distance_m(below_centre)
                };
                let inside = above <= height / 2.0 && beside() <= width / 2.0;
                inside.then(|| self.centre.distance_m(point))
            }
            Shape::Polygon(vertices) => {
                is_inside(point, vertices).then(|| self.centre.distance_m(point))
            }
        }
    }

    /// The ranges of scores in which all that is searched for lies, in the order Redis visits
    /// them.
    pub fn scores(&self) -> SmallVec<[Range<f64>; 9]> {
        let cells = self.cells();
        cells.into_iter().map(Cell::scores).collect()
    }

    fn cells(&self) -> SmallVec<[Cell; 9]> {
        let bounds = self.bounds();
        let mut level = level_for(self.reach_m(&bounds), self.centre.latitude);
        let mut cell = Cell::of(self.centre, level, LATITUDE_MAX);
        let reaches = cell.beside(0, 1).area().latitude.end >= bounds.latitude.end
            && cell.beside(0, -1).area().latitude.start <= bounds.latitude.start
            && cell.beside(1, 0).area().longitude.end >= bounds.longitude.end
            && cell.beside(-1, 0).area().longitude.start <= bounds.longitude.start;
        if !reaches && level > 1 {
            level -= 1;
            cell = Cell::of(self.centre, level, LATITUDE_MAX);
        }
        let area = cell.area();
        // On a grid of two steps, what is beside may be what is needed on the other side.
        let all = level < 2;
        let needed = |east: i32, north: i32| {
            all || !(north < 0 && area.latitude.start < bounds.latitude.start
                || north > 0 && area.latitude.end > bounds.latitude.end
                || east < 0 && area.longitude.start < bounds.longitude.start
                || east > 0 && area.longitude.end > bounds.longitude.end)
        };
        const ORDER: [(i32, i32); 8] = [
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut cells = SmallVec::from_slice(&[cell]);
        for (east, north) in ORDER {
            let beside = cell.beside(east, north);
            // Redis leaves out a cell that equals the last one, unless that is the centre's.
            let again = cells.len() > 1 && cells.last() == Some(&beside);
            if needed(east, north) && !again {
                cells.push(beside);
            }
        }
        cells
    }

    /// How far from the centre it reaches, in metres.
    fn reach_m(&self, bounds: &Area) -> f64 {
        match &self.shape {
            Shape::Circle { radius } => radius * self.unit_m,
            Shape::Box { width, height } => {
                let (x, y) = (width / 2.0, height / 2.0);
                (x * x + y * y).sqrt() * self.unit_m
            }
            Shape::Polygon(_) => {
                let (x, y) = (&bounds.longitude, &bounds.latitude);
                let corners = [
                    (x.start, y.start),
                    (x.start, y.end),
                    (x.end, y.start),
                    (x.end, y.end),
                ];
                let distances = corners.map(|(longitude, latitude)| {
                    self.centre.distance_m(Point {
                        longitude,
                        latitude,
                    })
                });
                distances.into_iter().fold(0.0, f64::max)
            }
        }
    }

    /// The rectangle around it.
    fn bounds(&self) -> Area {
        let (width, height) = match &self.shape {
            Shape::Circle { radius } => (self.unit_m * radius, self.unit_m * radius),
            Shape::Box { width, height } => {
                (self.unit_m * (width / 2.0), self.unit_m * (height / 2.0))
            }
            Shape::Polygon(vertices) => return bounds_of(vertices),
        };
        let Point {
            longitude,
            latitude,
        } = self.centre;
        let up = (height / RADIUS_M).deg();
        // A degree of longitude is shortest at the end nearer to the pole.
        let nearest = if latitude < 0.0 {
            latitude - up
        } else {
            latitude + up
        };
        let across = (width / RADIUS_M / nearest.rad().cos()).deg();
        Area {
            longitude: longitude - across..longitude + across,
            latitude: latitude - up..latitude + up,
        }
    }
}

/// The grid in which nine cells cover what reaches so far.
fn level_for(mut reach_m: f64, latitude: f64) -> u32 {
    if reach_m == 0.0 {
        return LEVEL_MAX;
    }
    let mut level = 1_i32;
    while reach_m < MERCATOR_MAX_M {
        reach_m *= 2.0;
        level += 1;
    }
    level -= 2;
    // Cells are narrow near the poles.
    level -= match latitude.abs() {
        latitude if latitude > 80.0 => 2,
        latitude if latitude > 66.0 => 1,
        _ => 0,
    };
    level.clamp(1, LEVEL_MAX as i32) as u32
}

/// The middle of a polygon's vertices, taken as points in space.
fn middle_of(vertices: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for vertex in vertices {
        let (longitude, latitude) = (vertex.longitude.rad(), vertex.latitude.rad());
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    let latitude = z.atan2((x * x + y * y).sqrt()).deg();
    Point {
        longitude: y.atan2(x).deg().clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
        latitude: latitude.clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

fn bounds_of(vertices: &[Point]) -> Area {
    let mut area = Area {
        longitude: LONGITUDE_MAX..-LONGITUDE_MAX,
        latitude: LATITUDE_MAX..-LATITUDE_MAX,
    };
    for vertex in vertices {
        area.longitude.start = area.longitude.start.min(vertex.longitude);
        area.longitude.end = area.longitude.end.max(vertex.longitude);
        area.latitude.start = area.latitude.start.min(vertex.latitude);
        area.latitude.end = area.latitude.end.max(vertex.latitude);
    }
    area
}

/// Does a ray from the point eastwards cross the edges an odd number of times (PNPOLY)?
fn is_inside(point: Point, vertices: &[Point]) -> bool {
    let mut inside = false;
    let previous = vertices.iter().cycle().skip(vertices.len() - 1);
    for (a, b) in vertices.iter().zip(previous) {
        let between = (a.latitude > point.latitude) != (b.latitude > point.latitude);
        if between {
            let slope = (b.longitude - a.longitude) * (point.latitude - a.latitude);
            let crossing = slope / (b.latitude - a.latitude) + a.longitude;
            inside ^= point.longitude < crossing;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(longitude: f64, latitude: f64) -> Point {
        Point {
            longitude,
            latitude,
        }
    }

    /// The examples of Redis's documentation of `GEOADD`, `GEODIST` and `GEOHASH`.
    #[test]
    fn palermo_and_catania() {
        let (palermo, catania) = (at(13.361_389, 38.115_556), at(15.087_269, 37.502_669));
        assert_eq!(palermo.score(), 3_479_099_956_230_698.0);
        assert_eq!(catania.score(), 3_479_447_370_796_909.0);
        let stored = [palermo, catania].map(|point| Point::of_score(point.score()));
        assert_eq!(stored[0].longitude, 13.361_389_338_970_184);
        assert_eq!(stored[0].latitude, 38.115_556_395_496_3);
        let distance = stored[0].distance_m(stored[1]);
        assert_eq!(format!("{distance:.4}"), "166274.1516");
        assert_eq!(&stored[0].geohash(), b"sqc8b49rny0");
        assert_eq!(&stored[1].geohash(), b"sqdtr74hyu0");
    }

    #[test]
    fn any_score_is_a_position() {
        for score in [-1.0, 1e300, -1e300, f64::INFINITY, 2e19, 1e19, -0.0, 0.5] {
            assert!(Point::of_score(score).is_valid(), "{score}");
        }
    }

    #[test]
    fn polygons() {
        let triangle = vec![at(0.0, 0.0), at(10.0, 0.0), at(0.0, 10.0)];
        let search = Search::new(at(0.0, 0.0), Shape::Polygon(triangle), 1.0);
        assert!(search.distance_m(at(2.0, 2.0)).is_some());
        assert!(search.distance_m(at(6.0, 6.0)).is_none());
        assert!(search.distance_m(at(-1.0, 2.0)).is_none());
    }

    fn point() -> impl Strategy<Value = Point> {
        (-180.0..180.0_f64, -85.0..85.0_f64).prop_map(|(x, y)| at(x, y))
    }

    proptest! {
        #[test]
        fn bits_come_back(number: u32) {
            prop_assert_eq!(gather(spread(number)), number);
            prop_assert_eq!(spread(number) & 0xaaaa_aaaa_aaaa_aaaa, 0);
        }

        #[test]
        fn positions_come_back(point in point()) {
            let back = Point::of_score(point.score());
            prop_assert!(point.distance_m(back) < 1.0);
            prop_assert_eq!(back.score(), point.score());
        }

        /// Whatever is near enough lies in one of the ranges, away from the edges of the map.
        #[test]
        fn ranges_cover_the_circle(
            x in -100.0..100.0_f64,
            y in -60.0..60.0_f64,
            turn in 0.0..6.3_f64,
            part in 0.0..0.99_f64,
            radius in 1.0..1_000_000.0_f64,
        ) {
            let centre = at(x, y);
            let search = Search::new(centre, Shape::Circle { radius }, 1.0);
            let away = radius * part / 111_320.0;
            let other = at(x + away * turn.cos() / y.rad().cos(), y + away * turn.sin());
            if other.is_valid() && search.distance_m(other).is_some() {
                let score = other.score();
                prop_assert!(search.scores().iter().any(|range| range.contains(&score)));
            }
        }
    }
}
