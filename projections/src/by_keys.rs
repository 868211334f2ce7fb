//! How a connection works whose every statement touches some rows by their keys.

/// Plans are made once, maybe while tables are still empty, and must not read whole tables ever after.
/// And what is off costs so much on paper that compiling would seem worth it.
pub(crate) const SESSION: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];
