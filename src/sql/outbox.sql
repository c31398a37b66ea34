-- Telling the world. A message is a row of pulsimo.outbox, written in the transaction that caused it; NOTIFY only says
-- that there is something to read, because a payload is limited to 8000 bytes and is lost on whoever does not listen.

CREATE OR REPLACE FUNCTION pulsimo.notify_outbox(ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    payload text := format('{"outbox":[%s]}', array_to_string(ids, ','));
BEGIN
    IF cardinality(ids) = 0 OR ids IS NULL THEN
        RETURN;
    END IF;
    IF octet_length(payload) > 7900 THEN
        payload := format('{"outbox":[%s,%s],"range":true}', (SELECT min(id) FROM unnest(ids) id),
                          (SELECT max(id) FROM unnest(ids) id));
    END IF;
    PERFORM pg_notify('pulsimo', payload);
END $$;
REVOKE ALL ON FUNCTION pulsimo.notify_outbox(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.notify_outbox(bigint[]) IS
'Internal: announces new rows of pulsimo.outbox on channel "pulsimo" as {"outbox":[7,8,9]}. When that would be too long, as {"outbox":[7,2000],"range":true}: the first and the last id.';

-- One shape for every message about an incident, so that a receiver needs to know one. It may go to many, and a query or
-- fragment may be a secret: they are left out as in excerpts. A user name or password no URL of an endpoint has.
CREATE OR REPLACE FUNCTION pulsimo.incident_message(
    incident pulsimo.incidents, endpoint_name text, url text, status pulsimo.status
) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'incident_id', incident.id, 'number', incident.number, 'title', incident.title, 'severity', incident.severity,
        'muted_until', incident.muted_until, 'endpoint_id', incident.endpoint_id, 'endpoint', endpoint_name,
        'url', regexp_replace(url, '([?#]).*', '\1(hidden)'), 'status', status, 'error', incident.error_class,
        'detail', incident.detail, 'started_at', incident.started_at, 'resolved_at', incident.resolved_at);
$$;
REVOKE ALL ON FUNCTION pulsimo.incident_message(pulsimo.incidents, text, text, pulsimo.status) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_message(pulsimo.incidents, text, text, pulsimo.status) IS
'Internal: the payload of an outbox row about an incident. The URL is without query and fragment.';
