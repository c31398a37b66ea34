-- What people look at: endpoints, incidents, schedule and workers. The views run with the rights of who reads them.

CREATE OR REPLACE VIEW pulsimo.endpoint_status WITH (security_invoker = true) AS
SELECT f.id, f.name, p.name AS project, f.url, f.status, f.since, f.checked_at AS last_check,
       f.response AS last_response, f.error AS last_error,
       (SELECT u.percent FROM pulsimo.uptime_percent(f.id, statement_timestamp() - interval '24 hours',
                                                     statement_timestamp(), f.known_until) u) AS uptime_24h,
       f.next_check
FROM pulsimo.endpoint_facts f JOIN pulsimo.projects p ON p.id = f.project_id;
REVOKE ALL ON pulsimo.endpoint_status FROM PUBLIC;
COMMENT ON VIEW pulsimo.endpoint_status IS
'The endpoints and how they are now. Whatever was recorded last, an endpoint is shown as unknown when monitoring is stopped or its last check is older than two intervals and the timeout.
Example: SELECT name, status, since, last_error FROM pulsimo.endpoint_status WHERE status <> ''up'';';
COMMENT ON COLUMN pulsimo.endpoint_status.id IS 'what the functions take as id of the endpoint';
COMMENT ON COLUMN pulsimo.endpoint_status.name IS 'as given to add_endpoint()';
COMMENT ON COLUMN pulsimo.endpoint_status.project IS 'name of its project';
COMMENT ON COLUMN pulsimo.endpoint_status.url IS 'what is probed';
COMMENT ON COLUMN pulsimo.endpoint_status.status IS 'up, degraded, down, unknown, paused or maintenance';
COMMENT ON COLUMN pulsimo.endpoint_status.since IS 'when that status began';
COMMENT ON COLUMN pulsimo.endpoint_status.last_check IS 'start of the last check; NULL before the first';
COMMENT ON COLUMN pulsimo.endpoint_status.last_response IS 'how long the last check took';
COMMENT ON COLUMN pulsimo.endpoint_status.last_error IS 'why the last check did not pass; NULL when it did';
COMMENT ON COLUMN pulsimo.endpoint_status.uptime_24h IS 'uptime of the last 24 hours in percent, see uptime()';
COMMENT ON COLUMN pulsimo.endpoint_status.next_check IS 'when the next check starts; NULL while paused or stopped';

CREATE OR REPLACE VIEW pulsimo.schedule WITH (security_invoker = true) AS
SELECT f.id, f.name, f.check_interval, f.checked_at AS last_check, f.next_check, f.retrying, f.cron, f.timezone
FROM pulsimo.endpoint_facts f
WHERE NOT f.paused
ORDER BY f.next_check, f.id;
REVOKE ALL ON pulsimo.schedule FROM PUBLIC;
COMMENT ON VIEW pulsimo.schedule IS
'When the endpoints that are not paused are checked next, the nearest first.
Example: SELECT name, next_check - now() AS due_in FROM pulsimo.schedule LIMIT 10;';
COMMENT ON COLUMN pulsimo.schedule.id IS 'id of the endpoint';
COMMENT ON COLUMN pulsimo.schedule.name IS 'name of the endpoint';
COMMENT ON COLUMN pulsimo.schedule.check_interval IS
'time between two regular checks; with cron the shortest distance between two runs';
COMMENT ON COLUMN pulsimo.schedule.last_check IS 'start of the last check; NULL before the first';
COMMENT ON COLUMN pulsimo.schedule.next_check IS 'when the next check starts; NULL while monitoring is stopped';
COMMENT ON COLUMN pulsimo.schedule.retrying IS
'whether it comes early, after retry_interval, because the last check failed and the threshold is not reached yet';
COMMENT ON COLUMN pulsimo.schedule.cron IS 'when it is checked, as a cron expression; NULL: every check_interval';
COMMENT ON COLUMN pulsimo.schedule.timezone IS 'the time zone of cron';

-- The list of states instead of "not resolved", because that is what the index on (status, created_at) can serve.
CREATE OR REPLACE VIEW pulsimo.active_incidents WITH (security_invoker = true) AS
SELECT a.id, a.severity, a.status, a.title, a.endpoint_id, a.endpoint, a.project, a.error_class, a.detail, a.started_at,
       a.duration, a.number, a.priority, a.assignees, coalesce(a.muted_until > statement_timestamp(), false) AS muted,
       a.acknowledged_by
FROM pulsimo.all_incidents a
WHERE a.status IN ('open', 'acknowledged', 'investigating')
ORDER BY a.severity, a.started_at, a.id;
REVOKE ALL ON pulsimo.active_incidents FROM PUBLIC;
COMMENT ON VIEW pulsimo.active_incidents IS
'The incidents that are not resolved, by severity, then the oldest first.
Example: SELECT id, title, duration FROM pulsimo.active_incidents;';
COMMENT ON COLUMN pulsimo.active_incidents.id IS 'what incident_timeline() takes';
COMMENT ON COLUMN pulsimo.active_incidents.severity IS 'critical, high, medium or low';
COMMENT ON COLUMN pulsimo.active_incidents.status IS 'open, acknowledged or investigating';
COMMENT ON COLUMN pulsimo.active_incidents.title IS 'endpoint and reason in one line';
COMMENT ON COLUMN pulsimo.active_incidents.endpoint_id IS 'id of the endpoint of an automatic incident';
COMMENT ON COLUMN pulsimo.active_incidents.endpoint IS 'name of the endpoint, or of several';
COMMENT ON COLUMN pulsimo.active_incidents.project IS 'name of the project';
COMMENT ON COLUMN pulsimo.active_incidents.error_class IS 'kind of the failure that opened it';
COMMENT ON COLUMN pulsimo.active_incidents.detail IS 'the failure that opened it, in words';
COMMENT ON COLUMN pulsimo.active_incidents.started_at IS 'start of the first failed check';
COMMENT ON COLUMN pulsimo.active_incidents.duration IS 'time since then';
COMMENT ON COLUMN pulsimo.active_incidents.number IS 'INC-YYYY-NNNNNN, unique in the organization';
COMMENT ON COLUMN pulsimo.active_incidents.priority IS 'high, medium or low; NULL: nobody has set one';
COMMENT ON COLUMN pulsimo.active_incidents.assignees IS 'names of the people it is assigned to; NULL: nobody';
COMMENT ON COLUMN pulsimo.active_incidents.muted IS 'whether nobody is to be told of it at present';
COMMENT ON COLUMN pulsimo.active_incidents.acknowledged_by IS 'name of who acknowledged it; NULL: nobody, or the reader does not see them';

CREATE OR REPLACE VIEW pulsimo.worker_status WITH (security_invoker = true) AS
SELECT w.pid, w.role, w.prober, w.endpoints, w.running, w.queued, w.lateness, w.max_lateness, w.checks, w.failures,
       w.skipped, w.restarts, w.last_error, w.last_error_at
FROM pulsimo.worker_stats() w
WHERE w.database IS NULL
    OR w.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
ORDER BY w.database NULLS FIRST, w.role, w.prober;
REVOKE ALL ON pulsimo.worker_status FROM PUBLIC;
COMMENT ON VIEW pulsimo.worker_status IS
'The background workers that serve this database, and the launcher of the server. Counters begin at zero when their process starts.
Example: SELECT role, pid, running, queued, lateness, last_error FROM pulsimo.worker_status;';
COMMENT ON COLUMN pulsimo.worker_status.pid IS 'process id as in pg_stat_activity; NULL when it is not running';
COMMENT ON COLUMN pulsimo.worker_status.role IS 'launcher, keeper or prober';
COMMENT ON COLUMN pulsimo.worker_status.prober IS 'number of the prober';
COMMENT ON COLUMN pulsimo.worker_status.endpoints IS 'endpoints it is responsible for';
COMMENT ON COLUMN pulsimo.worker_status.running IS 'probes under way';
COMMENT ON COLUMN pulsimo.worker_status.queued IS 'probes or results that wait for their turn';
COMMENT ON COLUMN pulsimo.worker_status.lateness IS 'how late the last probe started';
COMMENT ON COLUMN pulsimo.worker_status.max_lateness IS 'how late the latest of all probes started';
COMMENT ON COLUMN pulsimo.worker_status.checks IS 'prober: checks so far; keeper: results written so far';
COMMENT ON COLUMN pulsimo.worker_status.failures IS 'prober: checks so far that did not pass; keeper: transactions that failed';
COMMENT ON COLUMN pulsimo.worker_status.skipped IS 'of a prober, slots that were skipped because the check before had not ended or the worker was late; of the keeper, results that the tables refused and that are lost';
COMMENT ON COLUMN pulsimo.worker_status.restarts IS 'how often it was started again';
COMMENT ON COLUMN pulsimo.worker_status.last_error IS 'its last own trouble; NULL when there was none';
COMMENT ON COLUMN pulsimo.worker_status.last_error_at IS 'when that was';
