-- Which artists each of the last generations of the ranking touched, so that whoever keeps boards in
-- memory can follow without an index on `ranking` that every vote would have to pay for.
--
-- Unlogged: what a crash takes away is noticed by its mark, and the boards are read anew.
create unlogged table ranking_changes (
    generation bigint primary key,
    -- Another one each time, also if a crash makes a generation's number come twice.
    mark       uuid   not null default gen_random_uuid(),
    artists    uuid[] not null
);
-- Ids do not compress.
alter table ranking_changes alter column artists set storage external;
-- The generation that there is now has a trail as well: an empty one.
insert into ranking_changes (generation, artists) select generation, '{}' from ranking_head;
