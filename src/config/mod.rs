//! Configuration: one row per option; everything else derives from the rows.
