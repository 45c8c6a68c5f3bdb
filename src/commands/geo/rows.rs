//! The family's rows.

use super::super::spec::*;
use super::{add, read, search};

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::write("geoadd", -5, add::geoadd)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Update)])
        .syntax("key [NX|XX] [CH] longitude latitude member [longitude latitude member ...]")
        .about(
            "Adds positions to a sorted set, or changes them.",
            "O(log(N))",
            "3.2.0",
        ),
    Command::read("geodist", -4, read::geodist)
        .keys(&[key(1, Access::Read)])
        .syntax("key member1 member2 [m|km|ft|mi]")
        .about(
            "Returns the distance between two positions.",
            "O(1)",
            "3.2.0",
        ),
    Command::read("geohash", -2, read::geohash)
        .keys(&[key(1, Access::Read)])
        .syntax("key [member [member ...]]")
        .about(
            "Returns the geohashes of one or more positions as text.",
            "O(1)",
            "3.2.0",
        ),
    Command::read("geopos", -2, read::geopos)
        .keys(&[key(1, Access::Read)])
        .syntax("key [member [member ...]]")
        .about(
            "Returns the longitudes and latitudes of one or more positions.",
            "O(1)",
            "3.2.0",
        ),
    Command::write("georadius", -6, search::georadius)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[
            key(1, Access::Read),
            behind("STORE", 6, Access::Overwrite),
            behind("STOREDIST", 6, Access::Overwrite),
        ])
        .syntax(
            "key longitude latitude radius <m|km|ft|mi> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC|DESC] [STORE storekey|STOREDIST storedistkey]",
        )
        .about(
            "Returns or stores the positions within a distance from a point.",
            "O(N+log(M))",
            "3.2.0",
        ),
    Command::write("georadiusbymember", -5, search::georadiusbymember)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[
            key(1, Access::Read),
            behind("STORE", 5, Access::Overwrite),
            behind("STOREDIST", 5, Access::Overwrite),
        ])
        .syntax(
            "key member radius <m|km|ft|mi> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count \
             [ANY]] [ASC|DESC] [STORE storekey|STOREDIST storedistkey]",
        )
        .about(
            "Returns or stores the positions within a distance from another one.",
            "O(N+log(M))",
            "3.2.0",
        ),
    Command::read("georadius_ro", -6, search::georadius_ro)
        .keys(&[key(1, Access::Read)])
        .syntax(
            "key longitude latitude radius <m|km|ft|mi> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC|DESC]",
        )
        .about(
            "Returns the positions within a distance from a point.",
            "O(N+log(M))",
            "3.2.10",
        ),
    Command::read("georadiusbymember_ro", -5, search::georadiusbymember_ro)
        .keys(&[key(1, Access::Read)])
        .syntax(
            "key member radius <m|km|ft|mi> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count \
             [ANY]] [ASC|DESC]",
        )
        .about(
            "Returns the positions within a distance from another one.",
            "O(N+log(M))",
            "3.2.10",
        ),
    Command::read("geosearch", -7, search::geosearch)
        .keys(&[key(1, Access::Read)])
        .syntax(
            "key [FROMMEMBER member|FROMLONLAT longitude latitude] <BYRADIUS radius \
             <m|km|ft|mi>|BYBOX width height <m|km|ft|mi>|BYPOLYGON num-vertices longitude \
             latitude [longitude latitude ...]> [ASC|DESC] [COUNT count [ANY]] [WITHCOORD] \
             [WITHDIST] [WITHHASH]",
        )
        .about(
            "Returns the positions in a circle, a box or a polygon.",
            "O(N+log(M))",
            "6.2.0",
        ),
    Command::write("geosearchstore", -8, search::geosearchstore)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Overwrite), key(2, Access::Read)])
        .syntax(
            "destination source [FROMMEMBER member|FROMLONLAT longitude latitude] <BYRADIUS \
             radius <m|km|ft|mi>|BYBOX width height <m|km|ft|mi>|BYPOLYGON num-vertices \
             longitude latitude [longitude latitude ...]> [ASC|DESC] [COUNT count [ANY]] \
             [STOREDIST]",
        )
        .about(
            "Stores the positions in a circle, a box or a polygon in a key.",
            "O(N+log(M))",
            "6.2.0",
        ),
]);
