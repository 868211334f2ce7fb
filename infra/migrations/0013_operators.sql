-- Whoever reads `votes` for long must not keep everybody else waiting behind this: it fails, and is tried
-- again at the next start.
set local lock_timeout = '10s';

-- The chart of the leaders counts their votes by when they were cast (ADR 0024). The index has it all.
-- This comes first, as a projector's batch does: its votes before its rejections.
alter table votes
    drop constraint votes_pkey,
    add primary key (video_id, voter) include (cast_at);

-- Terms of operators: since when somebody may see how the installation fares, and until when. A read
-- model: the log says who was given the role, and from whom it was taken.
create table operator_terms (
    -- The event that began it.
    granted_by uuid primary key,
    account_id uuid        not null,
    granted_at timestamptz not null,
    -- The event that ended it: the role was revoked, or the account erased.
    ended_at   timestamptz,
    ended_by   uuid,
    check ((ended_at is null) = (ended_by is null))
);
create index operator_terms_by_account on operator_terms (account_id);
-- An account is an operator's or not.
create unique index operator_terms_open on operator_terms (account_id) where ended_by is null;

-- What was rejected lately is looked up by its time, and counted by its reason.
create index rejections_newest on rejections (rejected_at) include (reason);
