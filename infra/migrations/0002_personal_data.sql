-- Forgettable payload: the only place that knows who a person is. No rebuild touches it, and
-- deleting a row forgets the person.
create table personal_data (
    account_id    uuid primary key,
    first_name    text        not null,
    last_name     text        not null,
    email         text        not null,
    password_hash text        not null,
    -- The registration that the row was written for. If the fold rejects it, the row is swept.
    event_id      uuid        not null,
    created_at    timestamptz not null default now()
);
create index personal_data_created_at on personal_data (created_at);

-- Secrets that are made once and belong to the data, such as the key of the email HMAC.
create table secrets (
    name       text primary key,
    value      bytea       not null,
    created_at timestamptz not null default now()
);
