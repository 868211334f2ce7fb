-- Uploads that come in pieces, until they expire. Not a read model: bytes that were acknowledged are
-- known nowhere else before the video is entered.
create table resumable_uploads (
    upload_id   uuid        primary key,
    owner       uuid        not null,
    length      bigint      not null check (length > 0),
    received    bigint      not null default 0 check (received between 0 and length),
    title       text        not null,
    description text,
    -- As the client sent it, to be told again.
    metadata    text        not null,
    -- Keys of the objects that hold what was received, in order.
    pieces      text[]      not null default '{}',
    -- What became of it. The row stays until it expires, so that a client that missed the last answer
    -- does not begin anew.
    video_id    uuid,
    expires_at  timestamptz not null
);
create index resumable_uploads_unfinished on resumable_uploads (owner) where video_id is null;
create index resumable_uploads_expiry on resumable_uploads (expires_at);
