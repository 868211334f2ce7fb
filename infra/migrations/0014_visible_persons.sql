-- The persons whom readers may see: their row is hidden once their account's erasure is folded, even
-- while the row of `personal_data` still exists.
--
-- The version that is still running reads the same rows through `people`. A later migration drops that
-- view. A rebuild by that version would move only `people`: rebuild with this version from here on.
create view visible_persons as
select p.account_id, p.first_name, p.last_name, p.email, p.password_hash
from personal_data p
where not exists (
    select from accounts a where a.account_id = p.account_id and a.erased_by is not null
);
