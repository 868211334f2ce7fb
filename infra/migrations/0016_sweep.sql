-- Whether the sweep has seen the account of this person in the read models. From then on only an erasure
-- removes the row: an account that is missing later, from the read models of another or an older log, is
-- no reason to forget the person. A version that does not know the column leaves it false.
alter table personal_data add column registered boolean not null default false;
create index personal_data_unregistered on personal_data (account_id) where not registered;

-- The sweep finds the video of an original. The column never changes, so votes cost nothing more.
create index videos_by_original on videos (original_key);

-- One process of the installation sweeps at a time. Not a read model.
create table sweep_lease (
    only_row      boolean     primary key default true check (only_row),
    -- The process that swept last, or sweeps.
    holder        uuid,
    -- Nobody begins before: while a process sweeps, it moves this on.
    next_sweep_at timestamptz not null default '-infinity'
);
insert into sweep_lease default values;
