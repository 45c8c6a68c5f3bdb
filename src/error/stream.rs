//! Errors of the stream commands.

use super::{Error, quote, quoting, up_to_nul};

impl Error {
    /// An id that is none.
    pub const STREAM_ID: Error =
        Error::Fixed("ERR Invalid stream ID specified as stream command argument");
    /// A range that excludes the last id there can be, and begins with it.
    pub const STREAM_INTERVAL_START: Error = Error::Fixed("ERR invalid start ID for the interval");
    /// A range that excludes the first id there can be, and ends with it.
    pub const STREAM_INTERVAL_END: Error = Error::Fixed("ERR invalid end ID for the interval");
    /// `XADD` with an id that no message can have.
    pub const STREAM_ID_ZERO: Error =
        Error::Fixed("ERR The ID specified in XADD must be greater than 0-0");
    /// `XADD` with an id that is not beyond the last.
    pub const STREAM_ID_NOT_BEYOND: Error = Error::Fixed(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    /// `XADD` when there are no more ids.
    pub const STREAM_EXHAUSTED: Error =
        Error::Fixed("ERR The stream has exhausted the last possible ID, unable to add more items");
    /// `XADD` of a message beyond what a block holds.
    pub const STREAM_TOO_LARGE: Error = Error::Fixed("ERR Elements are too large to be stored");
    /// `MAXLEN` below zero.
    pub const STREAM_MAXLEN: Error = Error::Fixed("ERR The MAXLEN argument must be >= 0.");
    /// `LIMIT` below zero.
    pub const STREAM_LIMIT: Error = Error::Fixed("ERR The LIMIT argument must be >= 0.");
    /// `MAXLEN` and `MINID`, or one of them twice.
    pub const STREAM_TWO_BOUNDS: Error = Error::Fixed(
        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
    );
    /// `LIMIT` without anything to limit.
    pub const STREAM_LIMIT_ALONE: Error = Error::Fixed(
        "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
    );
    /// `LIMIT` of an exact trim.
    pub const STREAM_LIMIT_EXACT: Error =
        Error::Fixed("ERR syntax error, LIMIT cannot be used without the special ~ option");
    /// `XTRIM` without saying how.
    pub const STREAM_NO_BOUND: Error =
        Error::Fixed("ERR syntax error, XTRIM must be called with a trimming strategy");
    /// `ENTRIESADDED` below zero.
    pub const STREAM_ENTRIES_ADDED: Error = Error::Fixed("ERR entries_added must be positive");
    /// `ENTRIESREAD` below −1.
    pub const STREAM_ENTRIES_READ: Error =
        Error::Fixed("ERR value for ENTRIESREAD must be positive or -1");
    /// `XSETID` below the `MAXDELETEDID` that goes with it.
    pub const XSETID_BELOW_GIVEN_DELETED: Error = Error::Fixed(
        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
    );
    /// `XSETID` below the last message.
    pub const XSETID_BELOW_LAST: Error =
        Error::Fixed("ERR The ID specified in XSETID is smaller than the target stream top item");
    /// `XSETID` with fewer messages added than there are.
    pub const XSETID_BELOW_LENGTH: Error = Error::Fixed(
        "ERR The entries_added specified in XSETID is smaller than the target stream length",
    );
    /// `XREAD` or `XREADGROUP` with a stream and no id for it.
    pub const XREAD_UNBALANCED: Error = Error::Fixed(
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
         specified.",
    );
    /// `XREADGROUP` without a group.
    pub const XREADGROUP_NO_GROUP: Error = Error::Fixed("ERR Missing GROUP option for XREADGROUP");
    /// `XREAD` of a group.
    pub const XREAD_GROUP: Error = Error::Fixed(
        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
    );
    /// `XREAD` without acknowledgement.
    pub const XREAD_NOACK: Error = Error::Fixed(
        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
    );
    /// `XREAD` of what no consumer was given.
    pub const XREAD_NEW: Error = Error::Fixed(
        "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
         <consumer> option.",
    );
    /// `XREADGROUP` from the end.
    pub const XREADGROUP_LAST: Error = Error::Fixed(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history \
         of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ \
         ID would just return an empty result set.",
    );
    /// `XGROUP` of a key that does not exist.
    pub const XGROUP_NO_KEY: Error = Error::Fixed(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want \
         to use the MKSTREAM option to create an empty stream automatically.",
    );
    /// `XGROUP CREATE` of a group that there is.
    pub const GROUP_EXISTS: Error = Error::Fixed("BUSYGROUP Consumer Group name already exists");
    /// `IDS` with a count that cannot be.
    pub const STREAM_IDS_COUNT: Error =
        Error::Fixed("ERR Number of IDs must be a positive integer");
    /// `IDS` with fewer ids than announced.
    pub const STREAM_IDS_FEWER: Error =
        Error::Fixed("ERR The `numids` parameter must match the number of arguments");
    /// `XAUTOCLAIM` of nothing.
    pub const XAUTOCLAIM_COUNT: Error = Error::Fixed("ERR COUNT must be > 0");

    /// `IDMP` or `IDMPAUTO` with an id.
    pub const STREAM_IDEMPOTENT_ID: Error =
        Error::Fixed("ERR IDMP and IDMPAUTO can be used only with auto-generated IDs");
    /// `IDMP` and `IDMPAUTO`, or one of them twice.
    pub const STREAM_TWO_PRODUCERS: Error =
        Error::Fixed("ERR syntax error, IDMP/IDMPAUTO can be specified only once");
    /// An empty name of a producer, or of its message.
    pub const STREAM_PRODUCER_EMPTY: Error =
        Error::Fixed("ERR producer ID and idempotent ID must not be empty");
    /// `IDMP-DURATION` out of its range.
    pub const STREAM_IDMP_DURATION: Error =
        Error::Fixed("ERR IDMP-DURATION must be between 1 and 86400 seconds");
    /// `IDMP-MAXSIZE` out of its range.
    pub const STREAM_IDMP_MAXSIZE: Error =
        Error::Fixed("ERR IDMP-MAXSIZE must be between 1 and 10000 entries");
    /// `XIDMPRECORD` of a message that does not exist.
    pub const STREAM_NO_MESSAGE: Error = Error::Fixed("ERR no such stream entry");
    /// `XIDMPRECORD` with a name that is another message's.
    pub const STREAM_OTHER_MESSAGE: Error =
        Error::Fixed("ERR the idempotent ID belongs to another stream entry");
    /// `CLAIM` without a group.
    pub const XREAD_CLAIM: Error = Error::Fixed(
        "ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.",
    );
    /// `CLAIM` with what is no idle time.
    pub const XREADGROUP_CLAIM: Error = Error::Fixed("ERR min-idle-time is not an integer");
    /// `CLAIM` below zero.
    pub const XREADGROUP_CLAIM_NEGATIVE: Error =
        Error::Fixed("ERR min-idle-time must be a positive integer");

    /// There is no such key, or no such group of it.
    pub fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
        let head = "NOGROUP No such key '";
        quoting_two(head, key, "' or consumer group '", group, "'")
    }

    /// As [`Error::no_key_or_group`], of `XREADGROUP`.
    pub fn no_key_or_group_to_read(key: &[u8], group: &[u8]) -> Error {
        let tail = "' in XREADGROUP with GROUP option";
        let head = "NOGROUP No such key '";
        quoting_two(head, key, "' or consumer group '", group, tail)
    }

    /// There is no such group.
    pub fn no_group(key: &[u8], group: &[u8]) -> Error {
        let head = "NOGROUP No such consumer group '";
        quoting_two(head, group, "' for key name '", key, "'")
    }

    /// An option of `XCLAIM` that does not exist.
    pub fn xclaim_option(option: &[u8]) -> Error {
        quoting("ERR Unrecognized XCLAIM option '", up_to_nul(option), "'")
    }

    /// A number that `XCLAIM` or `XAUTOCLAIM` wants and is none: `what` names it.
    pub fn claim_number(what: &str, command: &str) -> Error {
        Error::text(format!("ERR Invalid {what} argument for {command}"))
    }
}

fn quoting_two(head: &str, a: &[u8], between: &str, b: &[u8], tail: &str) -> Error {
    let (a, b) = (quote(up_to_nul(a)), quote(up_to_nul(b)));
    let parts: [&[u8]; 5] = [head.as_bytes(), a, between.as_bytes(), b, tail.as_bytes()];
    Error::Text(parts.concat())
}
