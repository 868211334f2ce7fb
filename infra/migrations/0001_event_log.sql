-- The event log of the embedded default (EVENT_LOG=postgres). Append-only.
create table event_log_heads (
    partition   integer primary key check (partition >= 0),
    next_offset bigint  not null default 0 check (next_offset >= 0)
);

create table event_log (
    partition   integer     not null references event_log_heads (partition),
    "offset"    bigint      not null,
    appended_at timestamptz not null,
    key         bytea,
    headers     json        not null,   -- [[name, value], …] in the order written
    value       bytea,
    primary key (partition, "offset")
);
