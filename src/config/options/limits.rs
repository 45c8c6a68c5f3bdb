//! What one client may ask for, and up to where collections are stored compactly.

use super::{Spec, int, section, size, size_between};
use crate::config::types::OutputLimits;
use crate::config::value::Kind;

section! {
    /// What one client may ask for.
    limits: Limits {
        /// Bytes that one argument may have.
        max_bulk_bytes: u64 = size(1 << 20, "512mb").live().redis(&["proto-max-bulk-len"]);
        /// Arguments that one request may have.
        max_arguments: u32 = int(16, i32::MAX as i64, "1048576").live();
        /// Bytes that a request without a length prefix (an inline command) may have.
        max_inline_bytes: u64 = size_between(1024, 1 << 20, "64kb").live();
        /// Bytes that a client may have sent that are not yet served.
        query_buffer_limit: u64 = size(1 << 20, "1gb").live()
            .redis(&["client-query-buffer-limit"]);
        /// When a client that does not read its replies is disconnected: for each class (normal,
        /// replica, pubsub) the bytes that are too many at once, the bytes that are too many for
        /// long, and how many seconds long is. 0 is no limit.
        client_output_buffer: OutputLimits = Spec::new(
            Kind::OutputLimits,
            "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60",
        ).live().redis(&["client-output-buffer-limit"]);
        /// Keys that the server remembers for client-side caches; beyond, some are invalidated and
        /// forgotten. 0 is no limit.
        tracking_table_max_keys: u64 = int(0, i64::MAX, "1000000").live()
            .redis(&["tracking-table-max-keys"]);
        /// Arguments that a request may have before the client has authenticated.
        preauth_arguments: u32 = int(4, i32::MAX as i64, "10").live();
        /// Bytes that one argument may have before the client has authenticated.
        preauth_bulk_bytes: u64 = size(64, "16kb").live();
        /// Bytes of requests that may wait before the client has authenticated.
        preauth_query_buffer: u64 = size(1024, "64kb").live();
        /// Bytes of an inline command before the client has authenticated.
        preauth_inline_bytes: u64 = size_between(64, 1 << 20, "8kb").live();
        /// Bytes of replies that may wait before the client has authenticated.
        preauth_output_bytes: u64 = size(1024, "4kb").live();
    }
}

section! {
    /// Up to where collections are stored in their compact form.
    encoding: Encoding {
        /// Fields that a hash may have as a listpack.
        hash_max_listpack_entries: u64 = int(0, i64::MAX, "512").live()
            .redis(&["hash-max-listpack-entries", "hash-max-ziplist-entries"]);
        /// Bytes that a field or value may have in a listpack.
        hash_max_listpack_value: u64 = size(0, "64").live()
            .redis(&["hash-max-listpack-value", "hash-max-ziplist-value"]);
        /// Size of a list's listpack: elements if positive; -1 to -5 are 4, 8, 16, 32 and 64 kB.
        list_max_listpack_size: i32 = int(i32::MIN as i64, i32::MAX as i64, "-2").live()
            .redis(&["list-max-listpack-size", "list-max-ziplist-size"]);
        /// Members that a set of integers may have as an intset.
        set_max_intset_entries: u64 = int(0, i64::MAX, "512").live()
            .redis(&["set-max-intset-entries"]);
        /// Members that a set may have as a listpack.
        set_max_listpack_entries: u64 = int(0, i64::MAX, "128").live()
            .redis(&["set-max-listpack-entries"]);
        /// Bytes that a member may have in a set's listpack.
        set_max_listpack_value: u64 = size(0, "64").live().redis(&["set-max-listpack-value"]);
        /// Members that a sorted set may have as a listpack.
        zset_max_listpack_entries: u64 = int(0, i64::MAX, "128").live()
            .redis(&["zset-max-listpack-entries", "zset-max-ziplist-entries"]);
        /// Bytes that a member may have in a sorted set's listpack.
        zset_max_listpack_value: u64 = size(0, "64").live()
            .redis(&["zset-max-listpack-value", "zset-max-ziplist-value"]);
        /// Bytes that one node of a stream may have; 0 is no limit.
        stream_node_max_bytes: u64 = size(0, "4kb").live().redis(&["stream-node-max-bytes"]);
        /// Entries that one node of a stream may have; 0 is no limit.
        stream_node_max_entries: u64 = int(0, i64::MAX, "100").live()
            .redis(&["stream-node-max-entries"]);
        /// Bytes that a HyperLogLog may have in its sparse form.
        hll_sparse_max_bytes: u64 = size(0, "3000").live().redis(&["hll-sparse-max-bytes"]);
    }
}
