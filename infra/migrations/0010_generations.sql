-- Generations of the read models. The live one has its tables where they have always been; the one
-- that is being built beside it, and the one that was live before, have theirs in a schema of their
-- own, `generation_<number>`. Not a read model: it says which of them counts.
create table generations (
    number         bigint      generated always as identity primary key,
    -- There is at most one of each.
    state          text        not null unique check (state in ('building', 'live', 'retired')),
    -- The version of the fold that made its rows.
    fold_version   integer     not null,
    -- How many migrations its tables have seen, unless it is live: migrations change the live one, and
    -- the others are of no use once there are more.
    migrations     bigint,
    begun_at       timestamptz not null default now(),
    live_since     timestamptz,
    -- How far it is being built, and how far it has to go, in records.
    folded         bigint      not null default 0,
    target         bigint      not null default 0
);
insert into generations (state, fold_version, live_since) values ('live', 1, now());

-- An empty copy of a table in another schema, with everything that belongs to it, under the same names.
create function clone_table(source regclass, into_schema name) returns void language plpgsql as $$
declare
    original pg_class    := (select c from pg_class c where c.oid = source);
    here     text        := format('%I.%I', original.relnamespace::regnamespace::name, original.relname);
    copy     text        := format('%I.%I', into_schema, original.relname);
    unlogged text        := case original.relpersistence when 'u' then 'unlogged' else '' end;
    command  text;
begin
    execute format('create %s table %s (like %s including all excluding indexes)', unlogged, copy, here);
    if original.reloptions is not null then
        execute format('alter table %s set (%s)', copy, array_to_string(original.reloptions, ', '));
    end if;
    for command in
        select format('alter table %s add constraint %I %s', copy, conname, pg_get_constraintdef(oid))
        from pg_constraint where conrelid = source and contype in ('p', 'u')
        union all
        select replace(pg_get_indexdef(indexrelid), format(' ON %s ', here), format(' ON %s ', copy))
        from pg_index i where indrelid = source
        and not exists (select from pg_constraint where conindid = i.indexrelid)
    loop
        execute command;
    end loop;
end $$;
