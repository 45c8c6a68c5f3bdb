//! Errors of the sorted set and geo commands.

use super::{Error, quoting};

impl Error {
    /// `ZADD` with `NX` and `XX`.
    pub const ZADD_NX_XX: Error =
        Error::Fixed("ERR XX and NX options at the same time are not compatible");
    /// `ZADD` with two of `GT`, `LT` and `NX`.
    pub const ZADD_GT_LT_NX: Error =
        Error::Fixed("ERR GT, LT, and/or NX options at the same time are not compatible");
    /// `ZADD … INCR` with several members.
    pub const ZADD_INCR_PAIRS: Error =
        Error::Fixed("ERR INCR option supports a single increment-element pair");
    /// An increment makes a score NaN.
    pub const SCORE_NAN: Error = Error::Fixed("ERR resulting score is not a number (NaN)");
    /// An end of a range of scores that is none.
    pub const SCORE_RANGE: Error = Error::Fixed("ERR min or max is not a float");
    /// An end of a range of names that is none.
    pub const LEX_RANGE: Error = Error::Fixed("ERR min or max not valid string range item");
    /// `ZRANGE` by rank with `LIMIT`.
    pub const RANGE_LIMIT: Error = Error::Fixed(
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
    );
    /// `ZRANGE … BYLEX WITHSCORES`.
    pub const RANGE_LEX_SCORES: Error =
        Error::Fixed("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    /// `WEIGHTS` with what is no float.
    pub const WEIGHT_NOT_FLOAT: Error = Error::Fixed("ERR weight value is not a float");
    /// `ZINTERCARD` and its like with a `LIMIT` that cannot be.
    pub const LIMIT_NEGATIVE: Error = Error::Fixed("ERR LIMIT can't be negative");

    /// A number of input keys below one; `name` is the command's.
    pub fn no_input_key(name: &str) -> Error {
        let tail = "' command";
        quoting(
            "ERR at least 1 input key is needed for '",
            name.as_bytes(),
            tail,
        )
    }
}

impl Error {
    /// A radius that is no number.
    pub const RADIUS_NOT_FLOAT: Error = Error::Fixed("ERR need numeric radius");
    /// A radius below zero.
    pub const RADIUS_NEGATIVE: Error = Error::Fixed("ERR radius cannot be negative");
    /// A width that is no number.
    pub const WIDTH_NOT_FLOAT: Error = Error::Fixed("ERR need numeric width");
    /// A height that is no number.
    pub const HEIGHT_NOT_FLOAT: Error = Error::Fixed("ERR need numeric height");
    /// A width or height below zero.
    pub const BOX_NEGATIVE: Error = Error::Fixed("ERR height or width cannot be negative");
    /// An unknown unit of length.
    pub const UNIT: Error = Error::Fixed("ERR unsupported unit provided. please use M, KM, FT, MI");
    /// The member to search around is not there.
    pub const NO_GEO_MEMBER: Error = Error::Fixed("ERR could not decode requested zset member");
    /// A count of results that cannot be.
    pub const GEO_COUNT: Error = Error::Fixed("ERR COUNT must be > 0");
    /// `ANY` without `COUNT`.
    pub const ANY_WITHOUT_COUNT: Error =
        Error::Fixed("ERR the ANY argument requires COUNT argument");
    /// `STORE` with what only a reply can hold.
    pub const GEORADIUS_STORE_WITH: Error = Error::Fixed(
        "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD \
         options",
    );
    /// As [`Error::GEORADIUS_STORE_WITH`], of `GEOSEARCHSTORE`.
    pub const GEOSEARCHSTORE_WITH: Error = Error::Fixed(
        "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
    );
    /// A polygon's number of vertices that is no number.
    pub const POLYGON_COUNT: Error = Error::Fixed("ERR invalid number of vertices");
    /// A polygon of fewer than three vertices, or fewer than announced.
    pub const POLYGON_VERTICES: Error =
        Error::Fixed("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");

    /// A position beyond the map.
    pub fn invalid_position(longitude: f64, latitude: f64) -> Error {
        Error::text(format!(
            "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        ))
    }

    /// `GEOSEARCH` without a centre; `name` as sent.
    pub fn no_geo_centre(name: &[u8]) -> Error {
        let head = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
        quoting(head, name, "")
    }

    /// `GEOSEARCH` without a shape; `name` as sent.
    pub fn no_geo_shape(name: &[u8]) -> Error {
        let head = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
        quoting(head, name, "")
    }
}
