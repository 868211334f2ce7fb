//! Planner settings of connections whose statements touch rows by their keys.

/// Postgres makes each plan once, perhaps while tables are still empty. These settings keep it from
/// plans that scan whole tables later. Disabled paths look so expensive that Postgres would compile
/// such statements, hence `jit`.
pub(crate) const KEY_LOOKUPS: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];
