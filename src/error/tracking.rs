//! What `CLIENT TRACKING` and `CLIENT CACHING` refuse.

use super::Error;

impl Error {
    /// `REDIRECT` twice.
    pub const TRACKING_TWO_REDIRECTS: Error =
        Error::Fixed("ERR A client can only redirect to a single other client");
    /// `REDIRECT` to nobody.
    pub const TRACKING_NO_SUCH_CLIENT: Error =
        Error::Fixed("ERR The client ID you want redirect to does not exist");
    /// `PREFIX` without `BCAST`.
    pub const TRACKING_PREFIX_ALONE: Error =
        Error::Fixed("ERR PREFIX option requires BCAST mode to be enabled");
    /// From one mode to the other without `OFF` between them.
    pub const TRACKING_SWITCHES_BCAST: Error = Error::Fixed(
        "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and \
         then re-enabling it with a different mode.",
    );
    /// `OPTIN` or `OPTOUT` with `BCAST`.
    pub const TRACKING_OPT_AND_BCAST: Error =
        Error::Fixed("ERR OPTIN and OPTOUT are not compatible with BCAST");
    /// `OPTIN` and `OPTOUT`.
    pub const TRACKING_OPT_BOTH: Error =
        Error::Fixed("ERR You can't specify both OPTIN mode and OPTOUT mode");
    /// From one to the other without `OFF` between them.
    pub const TRACKING_SWITCHES_OPT: Error = Error::Fixed(
        "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and \
         then re-enabling it with a different mode.",
    );
    /// More prefixes, or longer ones, than a client may have.
    pub const TRACKING_TOO_MANY_PREFIXES: Error =
        Error::Fixed("ERR too many prefixes, or too long ones, for a single client");
    /// `CLIENT CACHING` where it has no meaning.
    pub const CACHING_WITHOUT_MODE: Error = Error::Fixed(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    );
    /// `CLIENT CACHING YES` outside of `OPTIN`.
    pub const CACHING_YES: Error = Error::Fixed(
        "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
    );
    /// `CLIENT CACHING NO` outside of `OPTOUT`.
    pub const CACHING_NO: Error = Error::Fixed(
        "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
    );

    /// A prefix that begins with another one, or the other way round. `with` is `an existing` or
    /// `another provided`.
    pub fn tracking_overlap(prefix: &[u8], with: &str, other: &[u8]) -> Error {
        let text = format!(
            "' overlaps with {with} prefix '{}'. Prefixes for a single client must not overlap.",
            String::from_utf8_lossy(other)
        );
        super::quoting("ERR Prefix '", prefix, &text)
    }
}
