-- The one place that decides what may be said about an endpoint now. A recorded status holds only while checks arrive:
-- when the last one is older than two intervals and the timeout, the truth is that we do not know, from one interval
-- after it (so the keeper will record it when it is back). It reads the newest row of two indexes for every endpoint,
-- so that it stays fast when history grows.
--
-- Where a cron expression says when, the distance of the last check to the run after it stands for the interval; a second
-- later, because a check can seem to start some microseconds before its run. What costs more is in CASE, for those alone
-- that it is about.

CREATE OR REPLACE VIEW pulsimo.endpoint_facts WITH (security_invoker = true) AS
SELECT e.id, e.project_id, e.name, e.url, e.check_interval, e.paused, h.checked_at, h.response, h.error, k.known_until,
       v.status,
       CASE WHEN e.paused OR v.status = coalesce(s.status, 'unknown') THEN coalesce(s.changed_at, e.created_at)
            ELSE greatest(s.changed_at, least(k.known_until, h.checked_at + d.spacing)) END AS since,
       CASE WHEN r.retrying THEN r.retry_at ELSE r.next_slot END AS next_check, r.retrying,
       e.cron, e.timezone
FROM pulsimo.endpoints e
    CROSS JOIN (
        SELECT r.running, CASE WHEN r.running THEN statement_timestamp() ELSE r.changed_at END AS stopped_at
        FROM (SELECT pulsimo.is_running() AS running, (SELECT s.changed_at FROM pulsimo.state s) AS changed_at) r
        OFFSET 0
    ) m
    LEFT JOIN LATERAL (
        SELECT n.status, n.changed_at, n.underlying FROM pulsimo.state_changes n
        WHERE n.endpoint_id = e.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT c.status, c.checked_at, c.response_us * interval '1 microsecond' AS response,
               coalesce(c.error, c.error_class::text) AS error
        FROM pulsimo.health_checks c
        WHERE c.endpoint_id = e.id ORDER BY c.checked_at DESC LIMIT 1
    ) h ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.cron IS NULL THEN e.check_interval
                    ELSE coalesce(pulsimo.cron_next_if_known(e.cron, e.timezone, h.checked_at + interval '1 s') - h.checked_at,
                                  e.check_interval) END AS spacing
    ) d
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.paused THEN statement_timestamp()
                    WHEN statement_timestamp() <= h.checked_at + 2 * d.spacing + e.timeout
                        THEN greatest(h.checked_at, m.stopped_at)
                    ELSE greatest(s.changed_at, h.checked_at + d.spacing) END AS known_until
    ) k
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.paused THEN 'paused'
                    WHEN m.running AND k.known_until >= statement_timestamp() THEN coalesce(s.status, 'unknown')
                    ELSE 'unknown' END AS status
    ) v
    CROSS JOIN LATERAL (
        SELECT n.next_slot, n.retry_at,
               coalesce(n.retry_at > statement_timestamp() AND n.retry_at < n.next_slot, false) AS retrying
        FROM (
            SELECT CASE WHEN NOT m.running OR e.paused THEN NULL
                        WHEN e.cron IS NULL THEN pulsimo.next_slot(e.id, e.check_interval)
                        ELSE pulsimo.cron_next_if_known(e.cron, e.timezone, statement_timestamp()) END AS next_slot,
                   -- While checks fail below the threshold, the next one comes early, in maintenance as well.
                   CASE WHEN h.status = 'down' AND CASE v.status WHEN 'maintenance' THEN s.underlying ELSE v.status END <> 'down'
                            THEN h.checked_at + h.response
                                 + (SELECT q.retry_interval FROM pulsimo.endpoint_policy q WHERE q.id = e.id)
                       END AS retry_at
        ) n
    ) r;
REVOKE ALL ON pulsimo.endpoint_facts FROM PUBLIC;
COMMENT ON VIEW pulsimo.endpoint_facts IS
'Internal: what endpoint_status, schedule and time_in_status() know about an endpoint. known_until is the time up to which its recorded status holds.';
