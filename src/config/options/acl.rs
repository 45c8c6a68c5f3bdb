//! Users, and what each may do.

use super::{INT_MAX, Spec, choice, int, path, section};
use crate::config::types::ChannelDefault;
use crate::config::users::NamedUsers;
use crate::config::value::Kind;

section! {
    /// Users, and what each may do: docs/acl.md.
    acl: AccessControl {
        /// File of users, a line for each; ACL LOAD reads it and ACL SAVE writes it.
        file: Option<std::path::PathBuf> = path().redis(&["aclfile"]);
        /// Users by name, each with its rules as ACL SETUSER takes them.
        users: NamedUsers = Spec::new(Kind::Users, "").live();
        /// Refusals that ACL LOG remembers.
        log_max_len: u32 = int(0, INT_MAX, "128").live().redis(&["acllog-max-len"]);
        /// Channels of users whose rules name none: allchannels or resetchannels (none).
        pubsub_default: ChannelDefault = choice::<ChannelDefault>("resetchannels").live()
            .redis(&["acl-pubsub-default"]);
    }
}
