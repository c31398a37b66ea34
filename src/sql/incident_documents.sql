-- Incidents as documents to hand on, JSON or Markdown. incident_document() collects everything once; Markdown is made of
-- that JSON, section by section, so that the two cannot tell different stories. All of it runs with the rights of the
-- caller: what they may not see is missing.

CREATE OR REPLACE FUNCTION pulsimo.require_format(format text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (format IN ('json', 'markdown')) IS NOT TRUE THEN
        RAISE EXCEPTION 'format must be json or markdown, not %', coalesce(quote_literal(left(format, 100)), 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'For CSV use COPY (SELECT * FROM pulsimo.find_incidents()) TO STDOUT (FORMAT csv, HEADER).';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_format(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_format(text) IS
'Internal: raises 22023 when this is no format of a document.';

CREATE OR REPLACE FUNCTION pulsimo.seconds(duration interval) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT trim_scale(extract(epoch FROM duration));
$$;
REVOKE ALL ON FUNCTION pulsimo.seconds(interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.seconds(interval) IS
'Internal: a duration as JSON has it.';

-- --- what there is to say of an incident -----------------------------------------------------------------------------

-- Without months, which the difference of two times never has, seconds say it all.
CREATE OR REPLACE FUNCTION pulsimo.incident_facts(incident bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(a) - '{age,duration}'::text[] || jsonb_build_object(
        'organization', o.name, 'opened_by', opener.name, 'resolved_by', resolver.name,
        'seconds_to_detect', pulsimo.seconds(greatest(i.created_at - i.started_at, '0')),
        'seconds_to_acknowledge', pulsimo.seconds(i.acknowledged_at - i.created_at),
        'seconds_to_resolve', pulsimo.seconds(i.resolved_at - i.started_at))
    FROM pulsimo.incidents i JOIN pulsimo.all_incidents a ON a.id = i.id
        LEFT JOIN pulsimo.organizations o ON o.id = i.organization_id
        LEFT JOIN pulsimo.users opener ON opener.id = i.opened_by
        LEFT JOIN pulsimo.users resolver ON resolver.id = i.resolved_by
    WHERE i.id = incident;
$$;
REVOKE ALL ON FUNCTION pulsimo.incident_facts(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_facts(bigint) IS
'Internal: an incident, the names of who dealt with it, and how long that took.';

CREATE OR REPLACE FUNCTION pulsimo.incident_impact(incident bigint)
RETURNS TABLE (endpoint_id bigint, endpoint text, effect text, down interval)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.id, e.name, 'failed', (
        SELECT t.duration
        FROM pulsimo.time_in_status(e.id, i.started_at,
                                    greatest(i.started_at, coalesce(i.resolved_at, statement_timestamp()))) t
        WHERE t.status = 'down')
    FROM pulsimo.incidents i
        JOIN pulsimo.endpoints e ON e.id = i.endpoint_id
            OR e.id IN (SELECT n.endpoint_id FROM pulsimo.incident_endpoints n WHERE n.incident_id = i.id)
    WHERE i.id = incident
    UNION ALL
    SELECT e.id, e.name, 'suppressed',
           justify_hours(sum(greatest(coalesce(s.ended_at, statement_timestamp()) - s.began_at, '0')))
    FROM pulsimo.suppressions s JOIN pulsimo.endpoints e ON e.id = s.endpoint_id
    WHERE s.cause_incident_id = incident
    GROUP BY e.id, e.name;
$$;
REVOKE ALL ON FUNCTION pulsimo.incident_impact(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_impact(bigint) IS
'Internal: the endpoints of an incident and how long they were down meanwhile, and those that were down because of them without an incident of their own.';

CREATE OR REPLACE FUNCTION pulsimo.incident_document(incident bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_incident(incident);
    RETURN jsonb_build_object(
        'incident', pulsimo.incident_facts(incident),
        'impact', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'endpoint_id', p.endpoint_id, 'endpoint', p.endpoint, 'effect', p.effect,
                'seconds_down', pulsimo.seconds(p.down)) ORDER BY p.effect, p.endpoint, p.endpoint_id), '[]')
            FROM pulsimo.incident_impact(incident) p),
        'timeline', (
            SELECT coalesce(jsonb_agg(to_jsonb(t) - 'place' ORDER BY t.place), '[]')
            FROM (SELECT l.*, row_number() OVER () AS place FROM pulsimo.incident_timeline(incident) l) t),
        'notes', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', n.id, 'category', n.category, 'author', u.name, 'body', n.body, 'created_at', n.created_at,
                'edited_at', n.edited_at) ORDER BY n.id), '[]')
            FROM pulsimo.incident_notes n LEFT JOIN pulsimo.users u ON u.id = n.author_id WHERE n.incident_id = incident),
        'links', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'incident_id', l.incident_id, 'number', f.number, 'link', l.link, 'other_id', l.other_id,
                'other_number', o.number) ORDER BY l.link, l.incident_id, l.other_id), '[]')
            FROM pulsimo.incident_links l
                JOIN pulsimo.incidents f ON f.id = l.incident_id JOIN pulsimo.incidents o ON o.id = l.other_id
            WHERE incident IN (l.incident_id, l.other_id)),
        'excerpt', (
            SELECT jsonb_build_object('checked_at', x.checked_at) || x.excerpt
            FROM pulsimo.incident_excerpts x WHERE x.incident_id = incident));
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_document(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_document(bigint) IS
'Internal: all that is recorded of an incident.
Errors: P0002 unknown incident.';

-- --- sections of Markdown --------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.markdown_event(facts jsonb, at text, seconds text, person text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pulsimo.markdown_time((facts ->> at)::timestamptz)
        || coalesce(' by ' || pulsimo.markdown_line(facts ->> person), '')
        || coalesce(', after ' || pulsimo.in_words(make_interval(secs => (facts ->> seconds)::float8)), '');
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_event(jsonb, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_event(jsonb, text, text, text) IS
'Internal: when something happened, by whom and after how long, by the keys of the facts.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_facts(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'| Fact | Value |\n| --- | --- |\n'
        || string_agg(format('| %s | %s |', f.name, f.value), E'\n' ORDER BY f.place)
    FROM (SELECT document -> 'incident' AS i) d,
         LATERAL (VALUES
            (1, 'Organization', pulsimo.markdown_line(i ->> 'organization')),
            (2, 'Project', pulsimo.markdown_line(i ->> 'project')),
            (3, 'Endpoint', pulsimo.markdown_line(i ->> 'endpoint')),
            (4, 'Status', i ->> 'status'),
            (5, 'Severity', i ->> 'severity'),
            (6, 'Priority', i ->> 'priority'),
            (7, 'Started', pulsimo.markdown_time((i ->> 'started_at')::timestamptz)),
            (8, 'Detected', pulsimo.markdown_event(i, 'created_at', 'seconds_to_detect', 'opened_by')),
            (9, 'Acknowledged', pulsimo.markdown_event(i, 'acknowledged_at', 'seconds_to_acknowledge', 'acknowledged_by')),
            (10, 'Resolved', pulsimo.markdown_event(i, 'resolved_at', 'seconds_to_resolve', 'resolved_by')),
            (11, 'Assigned to', pulsimo.markdown_line(i ->> 'assignees')),
            (12, 'Failure', pulsimo.markdown_line(coalesce(i ->> 'detail', i ->> 'error_class')))
         ) AS f (place, name, value)
    WHERE f.value IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_facts(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_facts(jsonb) IS
'Internal: the table at the top of a document.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_impact(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## Impact\n\n' || coalesce(string_agg(format('- %s: %s', pulsimo.markdown_line(p.row ->> 'endpoint'),
            format(CASE p.row ->> 'effect' WHEN 'failed' THEN 'down for %s'
                                           ELSE 'down for %s because of it, without an incident of its own' END,
                   pulsimo.in_words(make_interval(secs => (p.row ->> 'seconds_down')::float8)))), E'\n' ORDER BY p.place),
        'No endpoint is known.')
    FROM jsonb_array_elements(document -> 'impact') WITH ORDINALITY AS p (row, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_impact(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_impact(jsonb) IS
'Internal: the section about endpoints.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_timeline(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## Timeline\n\n| Time | What | Who | Detail |\n| --- | --- | --- | --- |'
        || string_agg(format(E'\n| %s | %s | %s | %s |', pulsimo.markdown_time((t.row ->> 'happened_at')::timestamptz),
                             replace(t.row ->> 'event', '_', ' '), coalesce(pulsimo.markdown_line(t.row ->> 'actor'), ''),
                             coalesce(pulsimo.markdown_line(t.row ->> 'detail'), '')), '' ORDER BY t.place)
    FROM jsonb_array_elements(document -> 'timeline') WITH ORDINALITY AS t (row, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_timeline(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_timeline(jsonb) IS
'Internal: the section with what happened; NULL when nothing has.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_notes(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## Notes\n\n' || string_agg(c.heading || c.notes, E'\n\n' ORDER BY c.category)
    FROM (
        SELECT n.category, format(E'### %s\n\n', initcap(replace(n.category::text, '_', ' '))) AS heading,
               string_agg(format(E'%s%s:\n\n%s', pulsimo.markdown_time((n.row ->> 'created_at')::timestamptz),
                                 coalesce(', ' || pulsimo.markdown_line(n.row ->> 'author'), ''),
                                 pulsimo.markdown_paragraphs(n.row ->> 'body')), E'\n\n' ORDER BY n.place) AS notes
        FROM (
            SELECT e.row, e.place, (e.row ->> 'category')::pulsimo.note_category AS category
            FROM jsonb_array_elements(document -> 'notes') WITH ORDINALITY AS e (row, place)
        ) n
        GROUP BY n.category
    ) c;
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_notes(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_notes(jsonb) IS
'Internal: the section with notes by category; NULL when there are none.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_links(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## Linked incidents\n\n' || string_agg(format('- %s %s %s', l.row ->> 'number',
        replace(l.row ->> 'link', '_', ' '), l.row ->> 'other_number'), E'\n' ORDER BY l.place)
    FROM jsonb_array_elements(document -> 'links') WITH ORDINALITY AS l (row, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_links(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_links(jsonb) IS
'Internal: the section with links; NULL when there are none.';

-- A quotation: who wants all of it has it as JSON.
CREATE OR REPLACE FUNCTION pulsimo.markdown_excerpt(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## What the probe saw\n\n' || concat_ws(E'\n\n',
        pulsimo.markdown_line(concat_ws(' ', x ->> 'url', '(' || (x ->> 'address') || ')'))
            || ', ' || pulsimo.markdown_time((x ->> 'checked_at')::timestamptz),
        pulsimo.markdown_code(nullif(concat_ws(E'\n\n', x ->> 'status_line', left(x ->> 'body', 500)
            || CASE WHEN length(x ->> 'body') > 500 OR (x ->> 'body_truncated')::boolean THEN E'\n...' ELSE '' END), '')))
    FROM nullif(document -> 'excerpt', 'null') AS e (x)
    WHERE x IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_excerpt(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_excerpt(jsonb) IS
'Internal: the section with a short quotation of the failing response; NULL when none is kept.';

-- --- exports ---------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.markdown_title(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pulsimo.markdown_line(concat_ws(' ', (document #>> '{incident,number}') || ':', document #>> '{incident,title}'));
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_title(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_title(jsonb) IS
'Internal: number and title of the incident.';

CREATE OR REPLACE FUNCTION pulsimo.export_incident(incident bigint, format text DEFAULT 'json') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    document jsonb;
BEGIN
    PERFORM pulsimo.require_format(format);
    document := pulsimo.incident_document(incident);
    IF format = 'json' THEN
        RETURN jsonb_pretty(document);
    END IF;
    RETURN concat_ws(E'\n\n', '# ' || pulsimo.markdown_title(document), pulsimo.markdown_facts(document),
                     pulsimo.markdown_impact(document), pulsimo.markdown_timeline(document), pulsimo.markdown_notes(document),
                     pulsimo.markdown_links(document), pulsimo.markdown_excerpt(document)) || E'\n';
END $$;
REVOKE ALL ON FUNCTION pulsimo.export_incident(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.export_incident(bigint, text) IS
'All that is recorded of an incident as a document: facts, endpoints and how long they were down, timeline, notes, links, and what the probe saw. In Markdown, whatever people wrote stays text. For what was learned of it see postmortem().
format: json or markdown.
Errors: P0002 unknown incident, 22023 another format.
Example: SELECT pulsimo.export_incident(1, ''markdown'');';

CREATE OR REPLACE FUNCTION pulsimo.export_incidents(
    format text DEFAULT 'json', status text[] DEFAULT NULL, severity pulsimo.severity[] DEFAULT NULL,
    organization bigint DEFAULT NULL, project bigint DEFAULT NULL, endpoint bigint DEFAULT NULL,
    assignee bigint DEFAULT NULL, tag text DEFAULT NULL, contains text DEFAULT NULL, from_time timestamptz DEFAULT NULL,
    to_time timestamptz DEFAULT NULL, at_most integer DEFAULT 100
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_format(format);
    RETURN (
        SELECT CASE format
            WHEN 'json' THEN jsonb_pretty(coalesce(jsonb_agg(
                to_jsonb(f) - '{age,duration,place}'::text[]
                    || jsonb_build_object('seconds', pulsimo.seconds(f.duration)) ORDER BY f.place), '[]'))
            ELSE E'| Number | Severity | Status | Title | Endpoint | Project | Started | Lasted | Assigned to |\n'
                 '| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n'
                || coalesce(string_agg(format(E'| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n', f.number, f.severity,
                    f.status, pulsimo.markdown_line(f.title), pulsimo.markdown_line(f.endpoint),
                    pulsimo.markdown_line(f.project), pulsimo.markdown_time(f.started_at), pulsimo.in_words(f.duration),
                    pulsimo.markdown_line(f.assignees)), '' ORDER BY f.place), '') END
        FROM (
            SELECT i.*, row_number() OVER () AS place
            FROM pulsimo.find_incidents(status, severity, organization, project, endpoint, assignee, tag, contains,
                                        from_time, to_time, at_most) i
        ) f);
END $$;
REVOKE ALL ON FUNCTION pulsimo.export_incidents(
    text, text[], pulsimo.severity[], bigint, bigint, bigint, bigint, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.export_incidents(
    text, text[], pulsimo.severity[], bigint, bigint, bigint, bigint, text, text, timestamptz, timestamptz, integer) IS
'A list of incidents as a document, an array in JSON or a table in Markdown, in the order of find_incidents().
format: json or markdown.
status and all others: see find_incidents(), where there is a line for CSV too.
Errors: 22023 another format, and those of find_incidents().
Example: SELECT pulsimo.export_incidents(''markdown'', status => ''{active}'');';
