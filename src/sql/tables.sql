-- What the tables and types of the migrations mean, and that nobody may use them uninvited. An INSERT, UPDATE or DELETE
-- of endpoints is as good as the functions, for the operator and for whom access.sql and policies.sql let in.
--
-- Like all files here, this one has only a current form. The newest script of the chain runs it, on fresh databases
-- and on ones that have an older form: hence OR REPLACE everywhere. What cannot be replaced (other columns of a result
-- or a view) is dropped right before it is made.

REVOKE ALL ON pulsimo.organizations, pulsimo.users, pulsimo.memberships, pulsimo.invitations, pulsimo.passwords,
    pulsimo.user_sessions, pulsimo.api_keys, pulsimo.one_time_passwords, pulsimo.recovery_codes, pulsimo.secrets,
    pulsimo.audit_log, pulsimo.access_roles, pulsimo.projects,
    pulsimo.project_members, pulsimo.endpoints,
    pulsimo.health_checks, pulsimo.state_changes, pulsimo.certificates, pulsimo.incidents, pulsimo.incident_events,
    pulsimo.outbox, pulsimo.state, pulsimo.dump_info FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pulsimo FROM PUBLIC;
REVOKE ALL ON SCHEMA pulsimo FROM PUBLIC;

COMMENT ON SCHEMA pulsimo IS 'Uptime monitoring inside PostgreSQL: what is watched, what was seen, and the functions to work with it.';

COMMENT ON TYPE pulsimo.status IS
'The status of an endpoint, and the verdict of a check. unknown: no verdict yet, or trouble of our own; it never counts against the endpoint.';
COMMENT ON TYPE pulsimo.error_class IS
'Why a check did not pass. internal is trouble of our own, policy an address that must not be probed; all others are about the endpoint.';
COMMENT ON TYPE pulsimo.incident_status IS 'The state of an incident. All but resolved are active.';
COMMENT ON TYPE pulsimo.severity IS 'How bad an incident is, the worst first.';
COMMENT ON TYPE pulsimo.organization_role IS 'What a member may do in an organization.';
COMMENT ON TYPE pulsimo.project_role IS 'What somebody may do in a single project.';
COMMENT ON TYPE pulsimo.user_status IS 'The state of an account or a membership; only active ones have rights. invited is somebody who has not accepted yet.';
COMMENT ON TYPE pulsimo.incident_event IS 'What can happen to an incident.';

COMMENT ON TABLE pulsimo.organizations IS 'Tenants. The one named "default" is made by the first add_endpoint() that names no project.';
COMMENT ON COLUMN pulsimo.organizations.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.organizations.name IS 'one line of at most 200 characters, unique';
COMMENT ON COLUMN pulsimo.organizations.created_at IS 'when it was added';
COMMENT ON COLUMN pulsimo.organizations.max_endpoints IS 'most endpoints it may have; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.max_checks_per_minute IS 'most regular checks a minute; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.max_users IS 'most people in it and its projects; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.blocked_networks IS 'networks that its endpoints must not be in, besides those that pulsimo.blocked_networks forbids everybody';
COMMENT ON COLUMN pulsimo.organizations.allowed_networks IS 'exceptions to blocked_networks, and to these alone';

COMMENT ON TABLE pulsimo.users IS 'People.';
COMMENT ON COLUMN pulsimo.users.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.users.email IS 'at most 254 characters, unique without regard to case';
COMMENT ON COLUMN pulsimo.users.name IS 'one line of at most 200 characters';
COMMENT ON COLUMN pulsimo.users.created_at IS 'when they were added';
COMMENT ON COLUMN pulsimo.users.status IS 'active or disabled';
COMMENT ON COLUMN pulsimo.users.database_role IS 'the database role that is this person; NULL when they have none';

COMMENT ON TABLE pulsimo.memberships IS 'Who belongs to which organization. Goes with either of them.';
COMMENT ON COLUMN pulsimo.memberships.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.memberships.user_id IS 'the person';
COMMENT ON COLUMN pulsimo.memberships.role IS 'owner, admin, member or viewer';
COMMENT ON COLUMN pulsimo.memberships.created_at IS 'when they joined';
COMMENT ON COLUMN pulsimo.memberships.status IS 'active or disabled';

COMMENT ON TABLE pulsimo.invitations IS 'Invitations that wait to be accepted, with the hash of their token.';
COMMENT ON COLUMN pulsimo.invitations.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.invitations.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.invitations.email IS 'who is invited';
COMMENT ON COLUMN pulsimo.invitations.role IS 'what they will be';
COMMENT ON COLUMN pulsimo.invitations.invited_by IS 'who invited them; NULL for the operator';
COMMENT ON COLUMN pulsimo.invitations.created_at IS 'when they were invited';
COMMENT ON COLUMN pulsimo.invitations.token_hash IS 'SHA-256 of the token';
COMMENT ON COLUMN pulsimo.invitations.expires_at IS 'until when the token is good';

COMMENT ON TABLE pulsimo.passwords IS 'Hashes of the last passwords of users. Seen by nobody but the operator.';
COMMENT ON COLUMN pulsimo.passwords.id IS 'given by the database; the highest of a user is their password';
COMMENT ON COLUMN pulsimo.passwords.user_id IS 'the user';
COMMENT ON COLUMN pulsimo.passwords.hash IS 'Argon2id hash with its parameters';
COMMENT ON COLUMN pulsimo.passwords.created_at IS 'when it was set';

COMMENT ON TABLE pulsimo.user_sessions IS 'Sessions of users who signed in; see the view sessions.';
COMMENT ON COLUMN pulsimo.user_sessions.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.user_sessions.user_id IS 'the user';
COMMENT ON COLUMN pulsimo.user_sessions.token_hash IS 'SHA-256 of the token';
COMMENT ON COLUMN pulsimo.user_sessions.created_at IS 'when it was opened';
COMMENT ON COLUMN pulsimo.user_sessions.expires_at IS 'when it ends';
COMMENT ON COLUMN pulsimo.user_sessions.client_address IS 'the address it was opened from; that of the pool when there is one';
COMMENT ON COLUMN pulsimo.user_sessions.application IS 'application_name when it was opened';

COMMENT ON TABLE pulsimo.api_keys IS 'API keys of users, with their hash; see the view my_api_keys.';
COMMENT ON COLUMN pulsimo.api_keys.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.api_keys.user_id IS 'the user';
COMMENT ON COLUMN pulsimo.api_keys.name IS 'one line of at most 200 characters, unique among those of the user';
COMMENT ON COLUMN pulsimo.api_keys.scopes IS 'what it may do of what its user may: actions of permission_matrix, read or all';
COMMENT ON COLUMN pulsimo.api_keys.key_hash IS 'SHA-256 of the key';
COMMENT ON COLUMN pulsimo.api_keys.created_at IS 'when it was made';
COMMENT ON COLUMN pulsimo.api_keys.expires_at IS 'when it ends; NULL: never by itself';
COMMENT ON COLUMN pulsimo.api_keys.last_used_at IS 'when it was used last, to a minute, written by the keeper';

COMMENT ON TABLE pulsimo.one_time_passwords IS 'Who has one-time passwords besides their password. Seen by nobody but the operator.';
COMMENT ON COLUMN pulsimo.one_time_passwords.user_id IS 'the user';
COMMENT ON COLUMN pulsimo.one_time_passwords.sealed IS 'what the authenticator app shares with us, sealed';
COMMENT ON COLUMN pulsimo.one_time_passwords.confirmed IS 'whether the app has been seen to work; only then they are asked for';
COMMENT ON COLUMN pulsimo.one_time_passwords.last_used_step IS 'the half minute since 1970 whose password was used last';
COMMENT ON COLUMN pulsimo.one_time_passwords.created_at IS 'when it was begun';

COMMENT ON TABLE pulsimo.recovery_codes IS 'Codes that are good once in place of a one-time password. Seen by nobody but the operator.';
COMMENT ON COLUMN pulsimo.recovery_codes.user_id IS 'the user';
COMMENT ON COLUMN pulsimo.recovery_codes.code_hash IS 'SHA-256 of the code';

COMMENT ON TABLE pulsimo.secrets IS 'Credentials that probes need, sealed with the key in pulsimo.secret_key_file; see the view stored_secrets.';
COMMENT ON COLUMN pulsimo.secrets.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.secrets.organization_id IS 'the organization it belongs to';
COMMENT ON COLUMN pulsimo.secrets.name IS 'what options refer to, unique in the organization';
COMMENT ON COLUMN pulsimo.secrets.hosts IS 'the hosts that it may be sent to; NULL: any, if written by somebody who may set secrets';
COMMENT ON COLUMN pulsimo.secrets.sealed IS 'XChaCha20-Poly1305, with the id of the key';
COMMENT ON COLUMN pulsimo.secrets.created_at IS 'when it was stored first';
COMMENT ON COLUMN pulsimo.secrets.changed_at IS 'when it was replaced last';

COMMENT ON TABLE pulsimo.access_roles IS 'The database roles that grant_access() was called for. Seen by nobody but the operator.';
COMMENT ON COLUMN pulsimo.access_roles.database_role IS 'the role';
COMMENT ON COLUMN pulsimo.access_roles.extension_version IS 'the version whose rights it was given';

COMMENT ON TABLE pulsimo.audit_log IS 'Who did what, when and from where. Can only be added to. Kept for pulsimo.audit_retention. Ask it with search_audit().';
COMMENT ON COLUMN pulsimo.audit_log.id IS 'given by the database; a later entry has a higher one';
COMMENT ON COLUMN pulsimo.audit_log.happened_at IS 'when; of several alike the last time';
COMMENT ON COLUMN pulsimo.audit_log.organization_id IS 'the organization that it is about; NULL: none, or for the operator alone';
COMMENT ON COLUMN pulsimo.audit_log.user_id IS 'the user who did it, or tried to sign in; NULL: nobody known, or the operator';
COMMENT ON COLUMN pulsimo.audit_log.account_id IS 'the user whose account was changed; NULL: it is not about one';
COMMENT ON COLUMN pulsimo.audit_log.database_role IS 'the database role that it was done with';
COMMENT ON COLUMN pulsimo.audit_log.api_key_id IS 'the API key that it was done with, if one was';
COMMENT ON COLUMN pulsimo.audit_log.client_address IS 'where from; that of the pool when there is one; NULL over a local socket';
COMMENT ON COLUMN pulsimo.audit_log.application IS 'application_name';
COMMENT ON COLUMN pulsimo.audit_log.action IS 'insert, update, delete, sign_in, sign_out, use_api_key, or what was denied';
COMMENT ON COLUMN pulsimo.audit_log.object_type IS 'the table; NULL when none was changed';
COMMENT ON COLUMN pulsimo.audit_log.object_id IS 'the id in it';
COMMENT ON COLUMN pulsimo.audit_log.before IS 'the row before, of an update the columns that differ; secrets are ***, long values are left out';
COMMENT ON COLUMN pulsimo.audit_log.after IS 'the row after, likewise';
COMMENT ON COLUMN pulsimo.audit_log.result IS 'done; denied: for lack of rights; failed: to sign in; locked: after too many of these; lost: more at a time than could be kept';
COMMENT ON COLUMN pulsimo.audit_log.detail IS 'who it was tried to sign in as';
COMMENT ON COLUMN pulsimo.audit_log.times IS 'how often it happened, of denials and failures alike that came shortly after one another';

COMMENT ON TABLE pulsimo.projects IS 'What belongs together: every endpoint is of one project, every project of one organization.';
COMMENT ON COLUMN pulsimo.projects.id IS 'given by the database; the argument project of add_endpoint()';
COMMENT ON COLUMN pulsimo.projects.name IS 'one line of at most 200 characters, unique within the organization';
COMMENT ON COLUMN pulsimo.projects.created_at IS 'when it was added';
COMMENT ON COLUMN pulsimo.projects.organization_id IS 'the organization it belongs to';

COMMENT ON TABLE pulsimo.project_members IS 'Who has a role in a single project, besides that in its organization. Goes with either of them.';
COMMENT ON COLUMN pulsimo.project_members.project_id IS 'the project';
COMMENT ON COLUMN pulsimo.project_members.user_id IS 'the person';
COMMENT ON COLUMN pulsimo.project_members.role IS 'admin, editor or viewer';
COMMENT ON COLUMN pulsimo.project_members.created_at IS 'since when';

COMMENT ON TABLE pulsimo.endpoints IS
'What is watched. Changes take effect at commit, whether by the functions or by plain INSERT, UPDATE and DELETE; impossible values are refused with 22023.';
COMMENT ON COLUMN pulsimo.endpoints.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.endpoints.project_id IS 'the project it belongs to';
COMMENT ON COLUMN pulsimo.endpoints.name IS 'as shown to people, one line of at most 200 characters';
COMMENT ON COLUMN pulsimo.endpoints.url IS 'absolute http or https URL of at most 2048 bytes';
COMMENT ON COLUMN pulsimo.endpoints.check_interval IS 'time between two regular checks, 1 second to 1 day';
COMMENT ON COLUMN pulsimo.endpoints.timeout IS 'longest time a check may take, 100 milliseconds to 30 minutes, at most check_interval';
COMMENT ON COLUMN pulsimo.endpoints.retry_interval IS
'time until the next check while failing below the threshold, 1 second to check_interval; NULL: 10 seconds or check_interval if shorter';
COMMENT ON COLUMN pulsimo.endpoints.degraded_after IS 'a slower response is degraded, at most timeout; NULL: never';
COMMENT ON COLUMN pulsimo.endpoints.failure_threshold IS 'failures in a row that make it down, 1 to 10';
COMMENT ON COLUMN pulsimo.endpoints.success_threshold IS 'successes in a row that end that, 1 to 10';
COMMENT ON COLUMN pulsimo.endpoints.options IS 'how to probe and what to expect, a JSON object of at most 2 MiB';
COMMENT ON COLUMN pulsimo.endpoints.paused IS 'whether its checks are suspended';
COMMENT ON COLUMN pulsimo.endpoints.created_at IS 'when it was added';

COMMENT ON TABLE pulsimo.health_checks IS
'Every check, in partitions of one UTC day. Phases that did not happen are NULL. Checks of removed endpoints stay until their partition is dropped. There is no index on this table: each partition has its own on (endpoint_id, checked_at).';
COMMENT ON COLUMN pulsimo.health_checks.endpoint_id IS 'the endpoint';
COMMENT ON COLUMN pulsimo.health_checks.checked_at IS 'start of the check';
COMMENT ON COLUMN pulsimo.health_checks.status IS 'verdict of this one check: up, degraded, down or unknown';
COMMENT ON COLUMN pulsimo.health_checks.response_us IS 'duration of the check in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.dns_us IS 'name resolution, in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.connect_us IS 'TCP connection, in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.tls_us IS 'TLS handshake, in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.first_byte_us IS 'from the request to the first byte of the response, in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.transfer_us IS 'from the first byte to the last, in microseconds';
COMMENT ON COLUMN pulsimo.health_checks.http_status IS 'status code of the response; NULL when there was none';
COMMENT ON COLUMN pulsimo.health_checks.error_class IS 'kind of the failure; NULL when the check passed';
COMMENT ON COLUMN pulsimo.health_checks.error IS 'the failure in words';

COMMENT ON TABLE pulsimo.state_changes IS
'The status of an endpoint over time, a row for each change. The row with the latest changed_at, and of several the highest id, tells the current status.';
COMMENT ON COLUMN pulsimo.state_changes.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.state_changes.endpoint_id IS 'the endpoint';
COMMENT ON COLUMN pulsimo.state_changes.changed_at IS
'when the status began: start of the first of the checks that decided it, so earlier than it was decided';
COMMENT ON COLUMN pulsimo.state_changes.status IS 'from then on';
COMMENT ON COLUMN pulsimo.state_changes.previous_status IS 'until then';
COMMENT ON COLUMN pulsimo.state_changes.error_class IS 'kind of the failure, if one decided it';
COMMENT ON COLUMN pulsimo.state_changes.detail IS 'the reason in words';
COMMENT ON COLUMN pulsimo.state_changes.recorded_at IS 'when the row was written';

COMMENT ON TABLE pulsimo.certificates IS 'The certificate that an https endpoint showed last.';
COMMENT ON COLUMN pulsimo.certificates.endpoint_id IS 'the endpoint';
COMMENT ON COLUMN pulsimo.certificates.issuer IS 'who issued it';
COMMENT ON COLUMN pulsimo.certificates.expires_at IS 'until when it is valid';
COMMENT ON COLUMN pulsimo.certificates.seen_at IS 'when it was seen for the first time';

COMMENT ON TABLE pulsimo.incidents IS 'What went wrong. An endpoint has at most one active incident; incidents outlive their endpoint.';
COMMENT ON COLUMN pulsimo.incidents.id IS 'given by the database; what incident_timeline() takes';
COMMENT ON COLUMN pulsimo.incidents.endpoint_id IS 'the endpoint; NULL when it was removed';
COMMENT ON COLUMN pulsimo.incidents.organization_id IS 'the organization it happened in';
COMMENT ON COLUMN pulsimo.incidents.project_id IS 'the project of its endpoint, also when that was removed; NULL when the project was';
COMMENT ON COLUMN pulsimo.incidents.title IS 'endpoint and reason in one line';
COMMENT ON COLUMN pulsimo.incidents.status IS 'open, acknowledged, investigating or resolved';
COMMENT ON COLUMN pulsimo.incidents.severity IS 'critical, high, medium or low; high unless somebody changes it';
COMMENT ON COLUMN pulsimo.incidents.error_class IS 'kind of the failure that opened it';
COMMENT ON COLUMN pulsimo.incidents.detail IS 'the failure that opened it, in words';
COMMENT ON COLUMN pulsimo.incidents.started_at IS 'start of the first failed check';
COMMENT ON COLUMN pulsimo.incidents.created_at IS 'when it was opened, after failure_threshold failures';
COMMENT ON COLUMN pulsimo.incidents.resolved_at IS 'start of the first check that passed again; NULL while active';

COMMENT ON TABLE pulsimo.incident_events IS 'What happened to an incident. Rows are only ever added; incident_timeline() reads them.';
COMMENT ON COLUMN pulsimo.incident_events.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.incident_events.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_events.event IS 'what happened';
COMMENT ON COLUMN pulsimo.incident_events.happened_at IS 'when';
COMMENT ON COLUMN pulsimo.incident_events.detail IS 'in words';

COMMENT ON TABLE pulsimo.outbox IS
'Messages to the world, written in the transaction that caused them. NOTIFY on channel "pulsimo" tells the ids of new rows: {"outbox":[7,8,9]}, or {"outbox":[7,2000],"range":true} for all from the first to the last when there are too many to list. A listener reads the rows and deletes those it has dealt with (DELETE ... RETURNING), and begins with those that are there: ids are given before the commit, so a row may appear after one with a higher id, and whoever only remembers the last id misses it.';
COMMENT ON COLUMN pulsimo.outbox.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.outbox.created_at IS 'when it was written';
COMMENT ON COLUMN pulsimo.outbox.topic IS 'incident_opened or incident_resolved';
COMMENT ON COLUMN pulsimo.outbox.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.outbox.payload IS
'incident_id, endpoint_id, endpoint (its name), url, status, error (class), detail, started_at, resolved_at';

COMMENT ON TABLE pulsimo.state IS
'Whether this database is monitored: one row, which start() and stop() write. Never part of a dump, so a restored database comes up stopped.';
COMMENT ON COLUMN pulsimo.state.singleton IS 'always true: there is one row';
COMMENT ON COLUMN pulsimo.state.running IS 'whether monitoring is switched on';
COMMENT ON COLUMN pulsimo.state.database_oid IS
'the database that was started; another one is a clone of it, which does not run. NULL: never started';
COMMENT ON COLUMN pulsimo.state.changed_at IS 'when it was switched';

COMMENT ON TABLE pulsimo.dump_info IS
'Which version of the extension the rows are of: one row, written by start() and by ALTER EXTENSION UPDATE, none before the first start(). Part of a dump.';
COMMENT ON COLUMN pulsimo.dump_info.singleton IS 'always true: there is one row';
COMMENT ON COLUMN pulsimo.dump_info.extension_version IS 'the version';
