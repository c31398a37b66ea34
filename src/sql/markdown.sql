-- Markdown around what people wrote. Whatever that is, it stays text: no heading, list, table, code or HTML comes of it,
-- and nothing of it ends the table or the section that it stands in.

CREATE OR REPLACE FUNCTION pulsimo.markdown_line(content text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT regexp_replace(
        -- What has a meaning only at the beginning: a list, a heading, the line under one, the line under a table's head.
        regexp_replace(c.inline, '^([-+#=:])', '\\\1'), '^([0-9]+)([.)])', '\1\\\2')
    FROM (
        SELECT regexp_replace(replace(replace(replace(btrim(regexp_replace(content, '[[:cntrl:][:space:]]+', ' ', 'g')),
                                                      '&', '&amp;'), '<', '&lt;'), '>', '&gt;'),
                              '([\\`*_\[\]|~$])', '\\\1', 'g') AS inline
    ) c;
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_line(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_line(text) IS
'Internal: a text as one line of Markdown that shows just that.';

-- A line stays a line, by the backslash before its end; empty ones part paragraphs.
CREATE OR REPLACE FUNCTION pulsimo.markdown_paragraphs(content text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT regexp_replace(
        regexp_replace(btrim(string_agg(pulsimo.markdown_line(l.line), E'\n' ORDER BY l.place), E'\n'),
                       E'\n{2,}', E'\n\n', 'g'),
        E'([^\n])\n(?=[^\n])', E'\\1\\\\\n', 'g')
    FROM regexp_split_to_table(content, E'\r\n?|\n') WITH ORDINALITY AS l (line, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_paragraphs(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_paragraphs(text) IS
'Internal: a text of several lines as Markdown that shows just that.';

-- The fence is longer than any row of backticks inside, so that nothing inside ends it.
CREATE OR REPLACE FUNCTION pulsimo.markdown_code(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n', f.fence,
                     regexp_replace(regexp_replace(content, E'\r\n?', E'\n', 'g'),
                                    '[\x01-\x09\x0b-\x1f\x7f]', ' ', 'g'),
                     f.fence)
    FROM (
        SELECT repeat('`', greatest(3, 1 + coalesce(max(length(m.found[1])), 0))) AS fence
        FROM regexp_matches(content, '(`+)', 'g') AS m (found)
    ) f;
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_code(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_code(text) IS
'Internal: a text as a block of code.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SS TZH:TZM');
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_time(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_time(timestamptz) IS
'Internal: a time as people read it, in the time zone of the session.';

CREATE OR REPLACE FUNCTION pulsimo.in_words(duration interval) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(p.amount || ' ' || p.unit, ' ' ORDER BY p.place), '0 s')
    FROM (
        SELECT u.*, min(u.place) FILTER (WHERE u.amount > 0) OVER () AS first_place
        FROM (SELECT floor(extract(epoch FROM duration))::bigint AS seconds) d,
             LATERAL (VALUES (1, d.seconds / 86400, 'd'), (2, d.seconds / 3600 % 24, 'h'), (3, d.seconds / 60 % 60, 'min'),
                             (4, d.seconds % 60, 's')) AS u (place, amount, unit)
    ) p
    WHERE p.amount > 0 AND p.place <= p.first_place + 1;
$$;
REVOKE ALL ON FUNCTION pulsimo.in_words(interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.in_words(interval) IS
'Internal: a duration as "3 d 4 h", "1 h 12 min", "4 min" or "35 s", cut off after two units.';
