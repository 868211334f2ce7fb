-- Turns of owners, outages that do not count as attempts, and how far the work is.

alter table transcode_leases
    -- An attempt that did not count may have been the first.
    drop constraint transcode_leases_attempt_check,
    add constraint transcode_leases_attempt_check check (attempt >= 0),
    -- How often the job was put back because something was away that it needs.
    add column outages  integer  not null default 0,
    -- In percent, as of the last sign of life.
    add column progress smallint not null default 0;

-- When an owner's turn was last: the one whose turn is longest ago is next. No read model either.
create table transcode_turns (
    owner     uuid primary key,
    served_at timestamptz not null
);
