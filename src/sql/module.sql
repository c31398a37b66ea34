-- What the loaded library provides. Everything else in src/sql is SQL over tables and these functions.

CREATE OR REPLACE FUNCTION pulsimo.endpoints_changed() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_endpoints_changed';
REVOKE ALL ON FUNCTION pulsimo.endpoints_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_changed() IS
'Trigger of pulsimo.endpoints: hands the ids of changed endpoints to the keeper when the transaction commits. Writes nothing.';

CREATE OR REPLACE FUNCTION pulsimo.wake() RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_wake';
REVOKE ALL ON FUNCTION pulsimo.wake() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.wake() IS
'Makes the workers look at this database again when the transaction commits. start() and stop() call it; by hand it is needed only after changing pulsimo.state directly.
Warns, once a session, when the library is not in shared_preload_libraries.
Example: SELECT pulsimo.wake();';

CREATE OR REPLACE FUNCTION pulsimo.validate_endpoint(url text, options jsonb) RETURNS void
LANGUAGE c IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_validate_endpoint';
REVOKE ALL ON FUNCTION pulsimo.validate_endpoint(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.validate_endpoint(text, jsonb) IS
'Raises an error when the URL or one of the probe options is not acceptable; otherwise does nothing. add_endpoint(), update_endpoint() and every write to pulsimo.endpoints check the same. An option that is null counts as left out.
url: absolute, http or https, without user and password, at most 2048 bytes.
method: GET (the default), HEAD, POST, PUT, PATCH, DELETE or OPTIONS.
headers: an object of request headers, {"Accept": "text/html"}; "Host" is allowed.
body: the body of the request, text.
auth: {"basic": {"username": "u", "password": {"secret": "p"}}}, {"bearer": {"secret": "t"}} or {"api_key": {"header": "X-Key", "value": {"secret": "k"}}}. p, t and k are names given to set_secret(); the value of a header can be {"secret": "name"} as well.
follow_redirects: true (the default) or false.
max_redirects: 0 to 20, 5 by default.
expected_status: the status codes that pass, 204, "200-299,304" or [200, "300-399"]; "200-299" by default.
ip_version: "any" (the default), "4" or "6".
http_version: "any" (the default), "1.0", "1.1" or "2".
ca_certificate: certificates in PEM form to trust instead of those of the system.
server_name: the host name to send in the TLS handshake and to verify, instead of that of the URL.
insecure: true accepts any certificate; false by default.
compression: false asks for an uncompressed response; true by default.
max_body_bytes: how much of the body is read, after decompression; 0 to 16777216, 1048576 by default.
reuse_connection: true keeps the connection for the next check, but for one with another server_name; false, a new one for every check, by default.
body_contains, body_not_contains: text that the body has to contain, or must not; several as a list.
body_matches: a regular expression (PCRE2) that the body has to match.
json: what a JSON body has to hold, {"path": "$.status", "op": "=", "value": "ok"}; several as a list. op is =, !=, <, <=, >, >=, contains, matches, exists or absent, the last two without value; when it is left out, = with a value and exists without.
response_headers: what response headers have to hold, {"name": "Content-Type", "op": "contains", "value": "html"}; as above.
Errors: 22023 names the URL or the option and says what is expected.
Example: SELECT pulsimo.validate_endpoint(''https://example.org/'', ''{"method": "HEAD"}'');';

CREATE OR REPLACE FUNCTION pulsimo.check_now(id bigint, wait interval DEFAULT '10 s') RETURNS pulsimo.health_checks
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_check_now';
REVOKE ALL ON FUNCTION pulsimo.check_now(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.check_now(bigint, interval) IS
'Checks an endpoint at once, beside its schedule, waits until the result is committed and returns it. Call it in FROM: (check_now(1)).* would check once for every column.
wait: how long to wait for it; the check itself is bounded by the timeout of the endpoint.
Errors: P0002 unknown endpoint, 22004 an argument is null, 22023 wait is negative or longer than a day, 55000 monitoring is not running or the endpoint is paused, 57014 no result within wait.
Example: SELECT status, response_us, error FROM pulsimo.check_now(1);';

CREATE OR REPLACE FUNCTION pulsimo.worker_stats(
    OUT pid integer, OUT role text, OUT database oid, OUT prober integer, OUT endpoints bigint, OUT running bigint,
    OUT queued bigint, OUT lateness interval, OUT max_lateness interval, OUT checks bigint, OUT failures bigint,
    OUT skipped bigint, OUT restarts bigint, OUT last_error text, OUT last_error_at timestamptz
) RETURNS SETOF record
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_worker_stats';
REVOKE ALL ON FUNCTION pulsimo.worker_stats() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.worker_stats() IS
'The workers of all databases of this server, from shared memory. The view worker_status shows those of this database, and what the columns mean.
Example: SELECT * FROM pulsimo.worker_stats();';

CREATE OR REPLACE FUNCTION pulsimo.next_slot(id bigint, check_interval interval) RETURNS timestamptz
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_next_slot';
REVOKE ALL ON FUNCTION pulsimo.next_slot(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.next_slot(bigint, interval) IS
'When the schedule starts the next regular check of an endpoint with this id and interval. Endpoints are spread evenly over their interval by a hash of the id.
Errors: 22023 check_interval is not between 1 second and 1 day.
Example: SELECT id, pulsimo.next_slot(id, check_interval) FROM pulsimo.endpoints;';

CREATE OR REPLACE FUNCTION pulsimo.module_version() RETURNS text
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_module_version';
REVOKE ALL ON FUNCTION pulsimo.module_version() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.module_version() IS
'The version of the extension that the loaded library was built for. It differs from version() between the installation of new files and ALTER EXTENSION UPDATE, or until the server is restarted.
Example: SELECT pulsimo.module_version();';
