-- An erased account keeps its row, as a tombstone: its id is never used again, and its videos still
-- belong to a city and a country. Its address is free for another account.
alter table accounts
    add column erased_at timestamptz,
    add column erased_by uuid,
    add check ((erased_at is null) = (erased_by is null)),
    drop constraint accounts_pkey,
    drop constraint accounts_account_id_key,
    add primary key (account_id);
-- An address has one account that is not erased, and any number of erased ones.
create unique index accounts_by_email on accounts (email_key, erased_by) nulls not distinct;
create index accounts_erased on accounts (account_id) where erased_by is not null;

-- Who people are, as far as anybody may know. The row of somebody who has left is hidden from the
-- moment at which the erasure is folded, whenever it is deleted.
create view people as
select p.account_id, p.first_name, p.last_name, p.email, p.password_hash
from personal_data p
where not exists (
    select from accounts a where a.account_id = p.account_id and a.erased_by is not null
);
