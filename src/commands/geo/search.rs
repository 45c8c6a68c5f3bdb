//! Commands that find positions: `GEOSEARCH`, `GEORADIUS` and their kin.

use super::super::sorted_set::{limits, reply_member, store};
use super::super::spec::*;
use super::{position, reply_distance, reply_position, unit_m};
use crate::base::{float, number};
use crate::error::Error;
use crate::keyspace::{Stored, Txn};
use crate::protocol::{Args, Reply};
use crate::values::geohash::{Point, Search, Shape};
use crate::values::zset::{Gathering, ScoreBound, ScoreRange, Span, Zset};
use crate::values::{Element, Type};
use std::ops::Range;

/// A form of the commands.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `GEORADIUS`; stores if that is allowed.
    Around { store: bool },
    /// `GEORADIUSBYMEMBER`; stores if that is allowed.
    AroundMember { store: bool },
    /// `GEOSEARCH`.
    Search,
    /// `GEOSEARCHSTORE`.
    SearchStore,
}

impl Form {
    /// Index of the key that is searched, among the request's keys.
    fn source(self) -> usize {
        usize::from(self == Form::SearchStore)
    }

    /// Index of the first option.
    fn options(self) -> usize {
        match self {
            Form::Around { .. } => 6,
            Form::AroundMember { .. } => 5,
            Form::Search => 2,
            Form::SearchStore => 3,
        }
    }

    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }

    fn takes_store(self) -> bool {
        let store = true;
        self == Form::Around { store } || self == Form::AroundMember { store }
    }
}

/// In which order positions come.
#[derive(Clone, Copy, PartialEq)]
enum Sort {
    /// As they are found.
    None,
    /// The nearest first.
    Ascending,
    /// The furthest first.
    Descending,
}

/// What a search's centre was told by.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Member,
    Position,
}

/// A request.
struct Query<'a> {
    from: Option<From>,
    /// The centre; of a member of a key that does not exist, none.
    centre: Option<Point>,
    /// The shape, and the metres of its unit.
    shape: Option<(Shape, f64)>,
    sort: Sort,
    /// Most positions wanted; 0 is all.
    count: usize,
    /// Do any of them do?
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    /// Where the outcome is stored.
    destination: Option<&'a [u8]>,
    store_distance: bool,
}

impl<'a> Query<'a> {
    /// Reads a request; `zset` is what it searches, if that exists.
    fn parse(args: Args<'a>, form: Form, zset: Option<&Zset<Stored<'_>>>) -> Result<Self, Error> {
        let mut query = Query {
            from: None,
            centre: None,
            shape: None,
            sort: Sort::None,
            count: 0,
            any: false,
            with_distance: false,
            with_hash: false,
            with_position: false,
            destination: (form == Form::SearchStore).then(|| args.at(1)),
            store_distance: false,
        };
        match form {
            Form::Around { .. } => {
                query.centre = Some(position(args, 2)?);
                query.shape = Some(circle(args, 4)?);
            }
            // Without the key, what follows is not looked at.
            Form::AroundMember { .. } if zset.is_some() => {
                query.centre = member_position(args.at(2), zset)?;
                query.shape = Some(circle(args, 3)?);
            }
            _ => {}
        }
        let mut at = form.options();
        while at < args.len() {
            at += match query.option(args, at, form)? {
                Some(width) => width,
                None if form.is_search() => query.search_option(args, at, form, zset)?,
                None => return Err(Error::Syntax),
            };
        }
        query.check(args, form)?;
        Ok(query)
    }

    /// Reads an option all forms have; how many arguments it takes, `None` if it is another one.
    fn option(&mut self, args: Args<'a>, at: usize, form: Form) -> Result<Option<usize>, Error> {
        let is = |word| args.is(at, word);
        let valued = at + 1 < args.len();
        if is("withdist") {
            self.with_distance = true;
        } else if is("withhash") {
            self.with_hash = true;
        } else if is("withcoord") {
            self.with_position = true;
        } else if is("any") {
            self.any = true;
        } else if is("asc") {
            self.sort = Sort::Ascending;
        } else if is("desc") {
            self.sort = Sort::Descending;
        } else if is("count") && valued {
            let count = number::parse_i64(args.at(at + 1)).ok_or(Error::NotInteger)?;
            let count = usize::try_from(count).ok().filter(|count| *count > 0);
            self.count = count.ok_or(Error::GEO_COUNT)?;
            return Ok(Some(2));
        } else if (is("store") || is("storedist")) && valued && form.takes_store() {
            self.destination = Some(args.at(at + 1));
            self.store_distance = is("storedist");
            return Ok(Some(2));
        } else {
            return Ok(None);
        }
        Ok(Some(1))
    }

    /// Reads an option of `GEOSEARCH`; how many arguments it takes.
    fn search_option(
        &mut self,
        args: Args<'a>,
        at: usize,
        form: Form,
        zset: Option<&Zset<Stored<'_>>>,
    ) -> Result<usize, Error> {
        let is = |word| args.is(at, word);
        let more = args.len() - at - 1;
        let shape = self.shape.as_ref().map(|(shape, _)| shape);
        let polygon = matches!(shape, Some(Shape::Polygon(_)));
        let circular = matches!(shape, None | Some(Shape::Circle { .. }));
        let boxed = matches!(shape, None | Some(Shape::Box { .. }));
        if is("storedist") && form == Form::SearchStore {
            self.store_distance = true;
            Ok(1)
        } else if is("frommember") && more >= 1 && self.from != Some(From::Position) && !polygon {
            self.from = Some(From::Member);
            self.centre = member_position(args.at(at + 1), zset)?;
            Ok(2)
        } else if is("fromlonlat") && more >= 2 && self.from != Some(From::Member) && !polygon {
            self.from = Some(From::Position);
            self.centre = Some(position(args, at + 1)?);
            Ok(3)
        } else if is("byradius") && more >= 2 && circular {
            self.shape = Some(circle(args, at + 1)?);
            Ok(3)
        } else if is("bybox") && more >= 3 && boxed {
            self.shape = Some(rectangle(args, at + 1)?);
            Ok(4)
        } else if is("bypolygon")
            && more >= 2
            && self.from.is_none()
            && (shape.is_none() || polygon)
        {
            let vertices = polygon_at(args, at + 1)?;
            let width = 2 + 2 * vertices.len();
            self.centre = vertices.first().copied();
            self.shape = Some((Shape::Polygon(vertices), 1.0));
            Ok(width)
        } else {
            Err(Error::Syntax)
        }
    }

    fn check(&self, args: Args<'_>, form: Form) -> Result<(), Error> {
        let with = self.with_distance || self.with_hash || self.with_position;
        let polygon = matches!(self.shape, Some((Shape::Polygon(_), _)));
        if self.destination.is_some() && with {
            return Err(if form == Form::SearchStore {
                Error::GEOSEARCHSTORE_WITH
            } else {
                Error::GEORADIUS_STORE_WITH
            });
        }
        if form.is_search() && self.from.is_none() && !polygon {
            return Err(Error::no_geo_centre(args.at(0)));
        }
        if form.is_search() && self.shape.is_none() {
            return Err(Error::no_geo_shape(args.at(0)));
        }
        if self.any && self.count == 0 {
            return Err(Error::ANY_WITHOUT_COUNT);
        }
        Ok(())
    }
}

/// The position of a member; `None` only where there is no key.
fn member_position(name: &[u8], zset: Option<&Zset<Stored<'_>>>) -> Result<Option<Point>, Error> {
    let Some(zset) = zset else { return Ok(None) };
    let score = zset.score(name).ok_or(Error::NO_GEO_MEMBER)?;
    Ok(Some(Point::of_score(score)))
}

/// A radius and its unit.
fn circle(args: Args<'_>, at: usize) -> Result<(Shape, f64), Error> {
    let radius = float::parse_f64(args.at(at)).ok_or(Error::RADIUS_NOT_FLOAT)?;
    if radius < 0.0 {
        return Err(Error::RADIUS_NEGATIVE);
    }
    Ok((Shape::Circle { radius }, unit_m(args.at(at + 1))?))
}

/// A width, a height and their unit.
fn rectangle(args: Args<'_>, at: usize) -> Result<(Shape, f64), Error> {
    let width = float::parse_f64(args.at(at)).ok_or(Error::WIDTH_NOT_FLOAT)?;
    let height = float::parse_f64(args.at(at + 1)).ok_or(Error::HEIGHT_NOT_FLOAT)?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::BOX_NEGATIVE);
    }
    Ok((Shape::Box { width, height }, unit_m(args.at(at + 2))?))
}

/// A number of vertices, and so many positions.
fn polygon_at(args: Args<'_>, at: usize) -> Result<Vec<Point>, Error> {
    let count = number::parse_i64(args.at(at)).ok_or(Error::POLYGON_COUNT)?;
    let possible = (args.len() - at - 1) / 2;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| (3..=possible).contains(count))
        .ok_or(Error::POLYGON_VERTICES)?;
    (0..count)
        .map(|vertex| position(args, at + 1 + 2 * vertex))
        .collect()
}

/// A position that was found.
struct Hit<'z> {
    name: Element<'z>,
    score: f64,
    point: Point,
    distance_m: f64,
}

/// The scores of a range of cells.
fn span(scores: Range<f64>) -> Span<'static> {
    let bound = |score, exclusive| ScoreBound { score, exclusive };
    Span::Scores(ScoreRange {
        min: bound(scores.start, false),
        max: bound(scores.end, true),
    })
}

/// Number of positions that will be looked at.
fn candidates(zset: &Zset<Stored<'_>>, search: &Search) -> usize {
    if zset.is_packed() {
        return zset.len();
    }
    let ranges = search.scores().into_iter();
    ranges.map(|scores| zset.ranks(&span(scores)).len()).sum()
}

/// All that is inside, in the order asked for; up to `limit` if that is not 0.
fn find<'z>(zset: &'z Zset<Stored<'_>>, search: &Search, limit: usize) -> Vec<Hit<'z>> {
    let mut hits = Vec::new();
    for scores in search.scores() {
        for (name, score) in zset.iter(zset.ranks(&span(scores))) {
            if limit > 0 && hits.len() == limit {
                return hits;
            }
            let point = Point::of_score(score);
            if let Some(distance_m) = search.distance_m(point) {
                hits.push(Hit {
                    name,
                    score,
                    point,
                    distance_m,
                });
            }
        }
    }
    hits
}

fn run(txn: &mut Txn<'_>, args: Args<'_>, form: Form, reply: &mut Reply<'_>) -> Outcome {
    let source = txn.key(form.source());
    let exists = txn.read_as(source, Type::Zset)?.exists();
    let limits = limits(txn);
    let zset = Zset::new(txn.held(source));
    let query = Query::parse(args, form, exists.then_some(&zset))?;
    let mut hits = Vec::new();
    let mut unit_m = 1.0;
    if let (true, Some(centre), Some((shape, unit))) = (exists, query.centre, &query.shape) {
        unit_m = *unit;
        let search = Search::new(centre, shape.clone(), unit_m);
        if txn.is_long(candidates(&zset, &search)) {
            return Ok(Flow::Long);
        }
        hits = find(&zset, &search, if query.any { query.count } else { 0 });
    }
    let nearer = |a: &Hit<'_>, b: &Hit<'_>| a.distance_m.total_cmp(&b.distance_m);
    match query.sort {
        // The nearest are wanted, where only some are.
        Sort::None if query.count == 0 || query.any => {}
        Sort::None | Sort::Ascending => hits.sort_by(nearer),
        Sort::Descending => hits.sort_by(|a, b| nearer(b, a)),
    }
    if query.count > 0 {
        hits.truncate(query.count);
    }
    let Some(destination) = query.destination else {
        reply_hits(&hits, &query, unit_m, reply);
        return DONE;
    };
    let mut members = Gathering::with_room(hits.len());
    for hit in &hits {
        let score = if query.store_distance {
            hit.distance_m / unit_m
        } else {
            hit.score
        };
        hit.name
            .with_text(|name| members.put(name, score, |_| score));
    }
    let event = if form.is_search() {
        "geosearchstore"
    } else {
        "georadiusstore"
    };
    let key = (0..txn.key_count())
        .map(|index| txn.key(index))
        .find(|key| key.bytes() == destination)
        .expect("what follows STORE is among the keys");
    let len = members.len();
    store(txn, key, members.into_value(limits), len, event);
    reply.count(len);
    DONE
}

fn reply_hits(hits: &[Hit<'_>], query: &Query<'_>, unit_m: f64, reply: &mut Reply<'_>) {
    let details = [query.with_distance, query.with_hash, query.with_position];
    let details = details.into_iter().filter(|with| *with).count();
    reply.array(hits.len());
    for hit in hits {
        if details > 0 {
            reply.array(1 + details);
        }
        reply_member(hit.name, reply);
        if query.with_distance {
            reply_distance(hit.distance_m / unit_m, reply);
        }
        if query.with_hash {
            reply.int(hit.score as i64);
        }
        if query.with_position {
            reply_position(hit.point, reply);
        }
    }
}

pub(super) fn georadius(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::Around { store: true }, reply)
}

pub(super) fn georadius_ro(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::Around { store: false }, reply)
}

pub(super) fn georadiusbymember(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    run(txn, args, Form::AroundMember { store: true }, reply)
}

pub(super) fn georadiusbymember_ro(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    run(txn, args, Form::AroundMember { store: false }, reply)
}

pub(super) fn geosearch(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::Search, reply)
}

pub(super) fn geosearchstore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::SearchStore, reply)
}
