-- Artists are found by how their first or last name begins, in any case, with or without accents.
create function name_key(name text) returns text
    language sql immutable parallel safe
    return lower(translate(
        name,
        'ÁÀÂÄÃÅÉÈÊËÍÌÎÏÓÒÔÖÕÚÙÛÜÑÇáàâäãåéèêëíìîïóòôöõúùûüñç',
        'AAAAAAEEEEIIIIOOOOOUUUUNCaaaaaaeeeeiiiiooooouuuunc'
    ));
create index personal_data_full_name
    on personal_data (name_key(first_name || ' ' || last_name) text_pattern_ops);
create index personal_data_last_name on personal_data (name_key(last_name) text_pattern_ops);
