-- The identity of the log of the embedded default: a log that is created again gets another one.
create table event_log_identity (
    only_row boolean primary key default true check (only_row),
    id       uuid    not null default gen_random_uuid()
);
insert into event_log_identity default values;

-- Which log a checkpoint belongs to, and the id of the record before it.
--
-- The version before moves next_offset and leaves these columns as they are. So they count only while
-- identified_offset equals next_offset.
alter table checkpoints
    add column log_identity      text,
    add column last_record       uuid,
    add column identified_offset bigint;

-- Which event versions each running projector can read. A process without a recent announcement has ended.
create table projector_announcements (
    process_id   uuid        primary key,
    announced_at timestamptz not null,
    -- {"anb.vote.cast": 1, …}: the newest readable version by event type.
    versions     jsonb       not null
);
