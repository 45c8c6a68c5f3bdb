//! Positions. Replies are those of redis-server 7.0.15, but for polygons.

use crate::support::{Options, Server, check_arity, on_oracle, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let lines = "GEOADD g 1 2 | GEOPOS | GEODIST g a | GEOHASH | GEORADIUS g 1 2 3 | \
        GEORADIUS_RO g 1 2 3 | GEORADIUSBYMEMBER g a 1 | GEORADIUSBYMEMBER_RO g a 1 | \
        GEOSEARCH g FROMMEMBER a BYRADIUS 1 | GEOSEARCHSTORE d g FROMMEMBER a BYRADIUS 1";
    check_arity(&mut conn, lines.split(" | "));
}

#[test]
fn geoadd_adds() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> :2
        GEOADD g NX CH 13.361389 38.115556 Palermo 15.087269 37.502669 x -> :1
        GEOADD g XX CH 13.4 38.115556 Palermo -> :1
        GEOADD g ch 13.4 38.1 Palermo -> :1
        ZRANGE g 0 -1 WITHSCORES -> @2 [Palermo 3479099937378871 Catania 3479447370796909 x 3479447370796909] @3 [[Palermo ,3479099937378871] [Catania ,3479447370796909] [x ,3479447370796909]]
        GEOADD g NX XX 13 38 a -> -ERR syntax error
        GEOADD g 200 38 a -> -ERR invalid longitude,latitude pair 200.000000,38.000000
        GEOADD g -180.1 38 a -> -ERR invalid longitude,latitude pair -180.100000,38.000000
        GEOADD g 20 85.06 a -> -ERR invalid longitude,latitude pair 20.000000,85.060000
        GEOADD g 180 85.05112878 corner -180 -85.05112878 other -> :2
        ZSCORE g corner -> ,13510798882111488
        ZSCORE g other -> ,0
        GEOADD g a 88 a -> -ERR value is not a valid float
        GEOADD g inf 88 a -> -ERR invalid longitude,latitude pair inf,88.000000
        GEOADD g nan 88 a -> -ERR value is not a valid float
        GEOADD g 1 2 a 3 -> -ERR syntax error
        GEOADD g 1 2 3 4 -> -ERR syntax error
        GEOADD g CH CH NX -> -ERR syntax error
        GEOADD g GT 1 2 a -> -ERR syntax error
        SET s x -> +OK
        GEOADD s 1 1 a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOADD s 1 100 a -> -ERR invalid longitude,latitude pair 1.000000,100.000000
        "#,
    );
}

#[test]
fn positions() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 0 0 null -> :3
        GEOPOS g Palermo none Catania null -> [[,13.36138933897018433 ,38.11555639549629859] nil[] [,15.08726745843887329 ,37.50266842333162032] [,0.00000268220901489 ,0.00000126736058093]]
        GEOPOS none a -> [nil[]]
        GEOPOS g -> []
        GEODIST g Palermo Catania -> 166274.1516
        GEODIST g Palermo Catania km -> 166.2742
        GEODIST g Palermo Catania M -> 166274.1516
        GEODIST g Palermo Catania mi -> 103.3182
        GEODIST g Palermo Catania ft -> 545518.8700
        GEODIST g Palermo Catania foo -> -ERR unsupported unit provided. please use M, KM, FT, MI
        GEODIST g Palermo Palermo -> 0.0000
        GEODIST g Palermo none -> nil
        GEODIST none a b -> nil
        GEODIST none a b foo -> -ERR unsupported unit provided. please use M, KM, FT, MI
        GEODIST g Palermo Catania m m -> -ERR syntax error
        GEOHASH g Palermo none null -> [sqc8b49rny0 nil s0000000000]
        GEOHASH none a -> [nil]
        GEOHASH g -> []
        ZADD odd -1 a 1e300 b inf c 0.5 d -> :4
        GEOPOS odd a d -> [[,180 ,85.0511287799999991] [,-179.99999731779098511 ,-85.05112751263942528]]
        GEOHASH odd a d -> [bp05b5048p0 00bh0hbj200]
        SET s x -> +OK
        GEOPOS s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEODIST s a b -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOHASH s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn georadius_finds() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> :2
        GEORADIUS g 15 37 200 km WITHDIST WITHCOORD WITHHASH -> [[Palermo 190.4424 :3479099956230698 [,13.36138933897018433 ,38.11555639549629859]] [Catania 56.4413 :3479447370796909 [,15.08726745843887329 ,37.50266842333162032]]]
        GEORADIUS g 15 37 200 km ASC -> [Catania Palermo]
        GEORADIUS g 15 37 200 km DESC -> [Palermo Catania]
        GEORADIUS g 15 37 100 km -> [Catania]
        GEORADIUS g 15 37 200 km DESC COUNT 1 -> [Palermo]
        GEORADIUS g 15 37 200 km COUNT 1 -> [Catania]
        GEORADIUS g 15 37 200 km COUNT 0 -> -ERR COUNT must be > 0
        GEORADIUS g 15 37 200 km COUNT -1 -> -ERR COUNT must be > 0
        GEORADIUS g 15 37 200 km COUNT a -> -ERR value is not an integer or out of range
        GEORADIUS g 15 37 200 km COUNT 1 ANY WITHDIST -> [[Palermo 190.4424]]
        GEORADIUS g 15 37 200 km ANY -> -ERR the ANY argument requires COUNT argument
        GEORADIUS g 15 37 -1 km -> -ERR radius cannot be negative
        GEORADIUS g 15 37 a km -> -ERR need numeric radius
        GEORADIUS g 15 37 1 foo -> -ERR unsupported unit provided. please use M, KM, FT, MI
        GEORADIUS g 15 97 1 km -> -ERR invalid longitude,latitude pair 15.000000,97.000000
        GEORADIUS g 15 37 0 m -> []
        GEORADIUS g 15 37 200 km FOO -> -ERR syntax error
        GEORADIUS none 15 37 200 km -> []
        GEORADIUS none 15 37 x km -> -ERR need numeric radius
        GEORADIUS_RO g 15 37 200 km ASC -> [Catania Palermo]
        GEORADIUS_RO g 15 37 200 km STORE d -> -ERR syntax error
        GEORADIUSBYMEMBER g Palermo 200 km ASC -> [Palermo Catania]
        GEORADIUSBYMEMBER g Palermo 0 km -> [Palermo]
        GEORADIUSBYMEMBER g none 200 km -> -ERR could not decode requested zset member
        GEORADIUSBYMEMBER none none x y -> []
        GEORADIUSBYMEMBER_RO g Palermo 200 km ASC WITHDIST -> [[Palermo 0.0000] [Catania 166.2742]]
        GEORADIUSBYMEMBER_RO g Palermo 200 km STOREDIST d -> -ERR syntax error
        SET s x -> +OK
        GEORADIUS s x y z z -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUSBYMEMBER s x y z -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUS_RO s x y z z -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEORADIUSBYMEMBER_RO s x y z -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn georadius_stores() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> :2
        GEORADIUS g 15 37 200 km STORE d -> :2
        ZRANGE d 0 -1 WITHSCORES -> @2 [Palermo 3479099956230698 Catania 3479447370796909] @3 [[Palermo ,3479099956230698] [Catania ,3479447370796909]]
        GEORADIUS g 15 37 200 km STOREDIST d -> :2
        ZRANGE d 0 -1 WITHSCORES -> @2 [Catania 56.441257870158204 Palermo 190.44242984775784] @3 [[Catania ,56.441257870158204] [Palermo ,190.44242984775784]]
        GEORADIUS g 15 37 200 km STORE d WITHDIST -> -ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEORADIUS g 15 37 200 km STORE d STORE e -> :2
        EXISTS d e -> :2
        GEORADIUS g 15 37 200 km STORE STORE -> :2
        EXISTS STORE -> :1
        GEORADIUS g 15 37 200 km STORE -> -ERR syntax error
        GEORADIUSBYMEMBER g Palermo 1 km STORE d -> :1
        ZRANGE d 0 -1 -> [Palermo]
        GEORADIUSBYMEMBER none a 1 km STORE d -> :0
        EXISTS d -> :0
        GEORADIUS none 15 37 200 km STORE e -> :0
        EXISTS e -> :0
        GEORADIUS g 15 37 200 km STORE g -> :2
        TYPE g -> +zset
        "#,
    );
}

#[test]
fn geosearch_finds() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 12.758489 38.788135 edge1 17.241510 38.788135 edge2 -> :4
        GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km ASC -> [Palermo edge1 Catania]
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST WITHHASH WITHCOORD -> [[Catania 56.4413 :3479447370796909 [,15.08726745843887329 ,37.50266842333162032]] [Palermo 190.4424 :3479099956230698 [,13.36138933897018433 ,38.11555639549629859]] [edge2 279.7403 :3481342659049484 [,17.24151045083999634 ,38.78813451624225195]] [edge1 279.7405 :3479273021651468 [,12.7584877610206604 ,38.78813451624225195]]]
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHDIST -> [[Palermo 190.4424] [Catania 56.4413]]
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 -> [Catania]
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 0 0 km -> []
        GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYBOX 400 400 km -> -ERR syntax error
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km BYRADIUS 1 m -> -ERR syntax error
        GEOSEARCH g FROMLONLAT 15 37 ASC DESC -> -ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH
        geosearch g FROMLONLAT 15 37 ASC DESC -> -ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch
        GEOSEARCH g BYRADIUS 1 km ASC DESC COUNT 1 -> -ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH
        GEOSEARCH g FROMMEMBER none BYRADIUS 1 km -> -ERR could not decode requested zset member
        GEOSEARCH none FROMMEMBER none BYRADIUS 1 km -> []
        GEOSEARCH none FROMLONLAT 200 0 BYRADIUS 1 km -> -ERR invalid longitude,latitude pair 200.000000,0.000000
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 -400 km -> -ERR height or width cannot be negative
        GEOSEARCH g FROMLONLAT 15 37 BYBOX a -400 km -> -ERR need numeric width
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 b km -> -ERR need numeric height
        GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 1 foo -> -ERR unsupported unit provided. please use M, KM, FT, MI
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STOREDIST -> -ERR syntax error
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STORE d -> -ERR syntax error
        GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km ANY -> -ERR the ANY argument requires COUNT argument
        SET s x -> +OK
        GEOSEARCH s x y z z z -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn geosearchstore_stores() {
    run_both(
        &start(),
        r#"
        GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania -> :2
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 1 -> :1
        ZRANGE d 0 -1 WITHSCORES -> @2 [Catania 3479447370796909] @3 [[Catania ,3479447370796909]]
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km STOREDIST -> :2
        ZRANGE d 0 -1 WITHSCORES -> @2 [Catania 56.441257870158204 Palermo 190.44242984775784] @3 [[Catania ,56.441257870158204] [Palermo ,190.44242984775784]]
        GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km WITHDIST -> -ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options
        GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 km -> :0
        EXISTS d -> :0
        SET d x -> +OK
        GEOSEARCHSTORE d none FROMLONLAT 15 37 BYBOX 400 400 km -> :0
        EXISTS d -> :0
        GEOSEARCHSTORE d g FROMMEMBER none BYBOX 400 400 km -> -ERR could not decode requested zset member
        GEOSEARCHSTORE g g FROMMEMBER Palermo BYRADIUS 1 m -> :1
        ZRANGE g 0 -1 -> [Palermo]
        SET s x -> +OK
        GEOSEARCHSTORE d s FROMLONLAT 15 37 BYBOX 400 400 km -> -WRONGTYPE Operation against a key holding the wrong kind of value
        GEOSEARCHSTORE s g FROMMEMBER Palermo BYRADIUS 1 m -> :1
        TYPE s -> +zset
        "#,
    );
}

/// As Valkey 9 has it.
#[test]
fn polygons() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        r#"
        GEOADD g 1 1 in 5 1 right 1 5 above 9 9 out 2.9 2.9 edge -> :5
        GEOSEARCH g BYPOLYGON 4 0 0 3 0 3 3 0 3 -> ?[in edge]
        GEOSEARCH g bypolygon 3 0 0 12 0 0 12 ASC COUNT 3 -> [edge right above]
        GEOSEARCH g BYPOLYGON 3 0 0 3 0 0 3 WITHDIST -> [[in *]]
        GEOSEARCHSTORE d g BYPOLYGON 4 0 0 3 0 3 3 0 3 -> :2
        ZRANGE d 0 -1 -> [in edge]
        GEOSEARCH g BYPOLYGON 2 0 0 1 1 -> -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
        GEOSEARCH g BYPOLYGON 4 0 0 1 1 2 2 -> -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
        GEOSEARCH g BYPOLYGON 9223372036854775807 0 0 1 1 -> -ERR GEOSEARCH BYPOLYGON must have at least 3 vertices
        GEOSEARCH g BYPOLYGON x 0 0 1 1 2 2 -> -ERR invalid number of vertices
        GEOSEARCH g BYPOLYGON 3 0 0 1 1 200 2 -> -ERR invalid longitude,latitude pair 200.000000,2.000000
        GEOSEARCH g FROMLONLAT 1 1 BYPOLYGON 3 0 0 1 1 2 2 -> -ERR syntax error
        GEOSEARCH g BYPOLYGON 3 0 0 1 1 2 2 BYRADIUS 1 km -> -ERR syntax error
        GEOSEARCH g BYPOLYGON 3 0 0 1 1 2 2 FROMMEMBER in -> -ERR syntax error
        "#,
    );
}
