-- Read models: everything here can be deleted and rebuilt from the log. Only `projections` writes it.

-- How far the contest projection has folded each partition.
create table checkpoints (
    partition   integer primary key,
    next_offset bigint  not null check (next_offset >= 0)
);

create table accounts (
    email_key     text primary key,
    account_id    uuid        not null unique,
    city          text        not null,
    country       text        not null,
    -- The keys under which places compare: see domain::text::place_key.
    city_key      text        not null,
    country_key   text        not null,
    registered_at timestamptz not null,
    registered_by uuid        not null
);

create table videos (
    video_id       uuid primary key,
    owner          uuid        not null,
    title          text        not null,
    description    text,
    original_key   text        not null,
    content_type   text        not null,
    bytes          bigint      not null,
    sha256         text        not null,
    uploaded_at    timestamptz not null,
    uploaded_by    uuid        not null,
    attempts       integer     not null,
    status         text        not null
        check (status in ('pending', 'processing', 'processed', 'failed', 'deleted')),
    -- The event that ended its processing (processed or failed), and when. A deleted video keeps
    -- them, and the keys of its files.
    ended_at       timestamptz,
    ended_by       uuid,
    deleted_at     timestamptz,
    deleted_by     uuid,
    failure_reason text,
    processed_key  text,
    poster_key     text,
    duration_ms    bigint,
    width          integer,
    height         integer,
    processed_bytes bigint,
    votes          bigint      not null default 0,
    last_vote_at   timestamptz
);
create index videos_by_owner on videos (owner, uploaded_at desc);
create index videos_published_newest on videos (uploaded_at desc, video_id) where status = 'processed';
create index videos_published_votes on videos (votes desc, uploaded_at desc, video_id) where status = 'processed';

create table votes (
    video_id uuid        not null,
    voter    uuid        not null,
    event_id uuid        not null,
    cast_at  timestamptz not null,
    primary key (video_id, voter)
);

create table rejections (
    event_id    uuid primary key,
    reason      text        not null,
    votes       bigint,
    rejected_at timestamptz not null
);

-- One row per artist with at least one published video. `generation` is that of the batch that
-- last changed the row; a row whose artist left the boards stays with votes = null.
create table ranking (
    artist_id   uuid primary key,
    votes       bigint,
    reached_at  timestamptz,
    city        text   not null,
    country     text   not null,
    city_key    text   not null,
    country_key text   not null,
    generation  bigint not null
);
create index ranking_global     on ranking (votes desc, reached_at, artist_id) where votes is not null;
create index ranking_country    on ranking (country_key, votes desc, reached_at, artist_id) where votes is not null;
create index ranking_city       on ranking (city_key, votes desc, reached_at, artist_id) where votes is not null;
create index ranking_generation on ranking (generation);

-- The newest generation. Its row lock makes generations grow in commit order.
create table ranking_head (
    only_row   boolean primary key default true check (only_row),
    generation bigint  not null
);
insert into ranking_head (generation) values (0);

-- Videos that wait for a worker or are with one. Leases live in a table of their own.
create table transcode_jobs (
    video_id     uuid primary key,
    owner        uuid        not null,
    original_key text        not null,
    uploaded_by  uuid        not null,
    queued_at    timestamptz not null
);
create index transcode_jobs_queue on transcode_jobs (queued_at);

create table dead_letters (
    partition integer     not null,
    "offset"  bigint      not null,
    at        timestamptz not null,
    reason    text        not null,
    key       bytea,
    headers   jsonb       not null,
    value     bytea,
    primary key (partition, "offset")
);
