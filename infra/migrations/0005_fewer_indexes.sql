-- Every vote changes its video's row and its artist's. An index on a column that changes costs an
-- entry in each of the table's indexes, and keeps the new version off the old one's page. Pages are
-- made once per generation, however often they are asked for: sorting them then is cheaper.
drop index videos_published_votes;
drop index ranking_global;
drop index ranking_country;
drop index ranking_city;
drop index ranking_generation;
create index ranking_by_country on ranking (country_key);
create index ranking_by_city on ranking (city_key);
-- Room for the next versions of a row beside it.
alter table videos set (fillfactor = 70);
alter table ranking set (fillfactor = 70);
