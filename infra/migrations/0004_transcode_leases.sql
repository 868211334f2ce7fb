-- Who works on which video, and how often it was tried. Not a read model: a rebuild leaves it alone.
create table transcode_leases (
    video_id    uuid primary key,
    attempt     integer     not null check (attempt >= 1),
    worker      uuid        not null,
    lease_until timestamptz not null,
    -- Before this moment nobody may take the job again (back-off after a failure).
    not_before  timestamptz
);
