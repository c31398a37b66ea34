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
    pulsimo.outbox, pulsimo.maintenance_windows, pulsimo.dependencies, pulsimo.suppressions, pulsimo.incident_numbers,
    pulsimo.incident_endpoints, pulsimo.incident_assignees, pulsimo.incident_notes, pulsimo.incident_links,
    pulsimo.incident_excerpts, pulsimo.postmortems, pulsimo.action_items, pulsimo.deployments, pulsimo.response_goals,
    pulsimo.state, pulsimo.dump_info FROM PUBLIC;
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
COMMENT ON TYPE pulsimo.priority IS 'In which order people want to deal with incidents.';
COMMENT ON TYPE pulsimo.dependency_kind IS 'How one endpoint needs another: strong: it is down without it; weak: it works less well without it; monitoring: it only watches it.';
COMMENT ON TYPE pulsimo.dependency_role IS 'What the endpoint that is needed is for. One that has a fallback is no single point of failure.';
COMMENT ON TYPE pulsimo.note_category IS 'What a note is about.';
COMMENT ON TYPE pulsimo.incident_link IS 'How an incident relates to another one.';
COMMENT ON TYPE pulsimo.root_cause_category IS 'What kind of thing caused an incident.';

COMMENT ON TABLE pulsimo.organizations IS 'Tenants. The one named "default" is made by the first add_endpoint() that names no project.';
COMMENT ON COLUMN pulsimo.organizations.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.organizations.name IS 'one line of at most 200 characters, unique';
COMMENT ON COLUMN pulsimo.organizations.created_at IS 'when it was added';
COMMENT ON COLUMN pulsimo.organizations.max_endpoints IS 'most endpoints it may have; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.max_checks_per_minute IS 'most regular checks a minute; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.max_users IS 'most people in it and its projects; NULL: no limit';
COMMENT ON COLUMN pulsimo.organizations.blocked_networks IS 'networks that its endpoints must not be in, besides those that pulsimo.blocked_networks forbids everybody';
COMMENT ON COLUMN pulsimo.organizations.allowed_networks IS 'exceptions to blocked_networks, and to these alone';
COMMENT ON COLUMN pulsimo.organizations.failure_threshold IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.failure_window IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.success_threshold IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.retry_interval IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.degraded_after IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.flap_start IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.flap_stop IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.auto_resolve IS 'for its endpoints, see endpoints; NULL: the default';
COMMENT ON COLUMN pulsimo.organizations.reference_endpoints IS 'for its endpoints, see endpoints; NULL: the default';

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
COMMENT ON COLUMN pulsimo.projects.failure_threshold IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.failure_window IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.success_threshold IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.retry_interval IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.degraded_after IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.flap_start IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.flap_stop IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.auto_resolve IS 'for its endpoints, see endpoints; NULL: as the organization has it';
COMMENT ON COLUMN pulsimo.projects.reference_endpoints IS 'for its endpoints, see endpoints; NULL: as the organization has it';

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
COMMENT ON COLUMN pulsimo.endpoints.check_interval IS 'time between two regular checks, 1 second to 1 day; with cron the shortest distance between two runs, filled in';
COMMENT ON COLUMN pulsimo.endpoints.timeout IS 'longest time a check may take, 100 milliseconds to 30 minutes, at most check_interval';
COMMENT ON COLUMN pulsimo.endpoints.retry_interval IS
'time until the next check while failing below the threshold, 1 second to check_interval; NULL: as the project or organization has it, else 10 seconds, and never longer than check_interval';
COMMENT ON COLUMN pulsimo.endpoints.degraded_after IS 'a slower response is degraded, at most timeout; NULL: as the project or organization has it, else never';
COMMENT ON COLUMN pulsimo.endpoints.failure_threshold IS 'failures that make it down, 1 to 10: in a row, or of the last failure_window checks; NULL: as the project or organization has it, else 3';
COMMENT ON COLUMN pulsimo.endpoints.success_threshold IS 'successes in a row that end that, 1 to 10; NULL: as the project or organization has it, else 1';
COMMENT ON COLUMN pulsimo.endpoints.options IS 'how to probe and what to expect, a JSON object of at most 2 MiB';
COMMENT ON COLUMN pulsimo.endpoints.paused IS 'whether its checks are suspended';
COMMENT ON COLUMN pulsimo.endpoints.created_at IS 'when it was added';
COMMENT ON COLUMN pulsimo.endpoints.cron IS 'when it is checked, as a cron expression of five fields; NULL: every check_interval';
COMMENT ON COLUMN pulsimo.endpoints.timezone IS 'the time zone of cron, a name of pg_timezone_names';
COMMENT ON COLUMN pulsimo.endpoints.tags IS 'words to find it by, at most 20';
COMMENT ON COLUMN pulsimo.endpoints.criticality IS 'how much depends on it: decides the severity of its incidents; NULL: high';
COMMENT ON COLUMN pulsimo.endpoints.failure_window IS 'the number of last checks of which failure_threshold have to fail, up to 20; not more than failure_threshold: in a row; NULL: as the project or organization has it, else in a row';
COMMENT ON COLUMN pulsimo.endpoints.flap_start IS 'how often, in percent of the last 20 checks, the outcome has to change for the endpoint to count as flapping; 0: never; NULL: as the project or organization has it, else 50';
COMMENT ON COLUMN pulsimo.endpoints.flap_stop IS 'the percentage at which that ends; NULL: as the project or organization has it, else 25; never above flap_start';
COMMENT ON COLUMN pulsimo.endpoints.auto_resolve IS 'whether incidents are resolved when it recovers; NULL: as the project or organization has it, else true';
COMMENT ON COLUMN pulsimo.endpoints.reference_endpoints IS 'ids of endpoints of the organization that show whether our own connection works: while they all fail too, a failure of this one is unknown; NULL: as the project or organization has it, else none';

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
COMMENT ON COLUMN pulsimo.state_changes.underlying IS 'what it would be if it were not in maintenance; NULL when it is not';
COMMENT ON COLUMN pulsimo.state_changes.underlying_since IS 'since when it would be that';
COMMENT ON COLUMN pulsimo.state_changes.flapping IS 'whether it changes so often that its incident is kept open';

COMMENT ON TABLE pulsimo.certificates IS 'The certificate that an https endpoint showed last.';
COMMENT ON COLUMN pulsimo.certificates.endpoint_id IS 'the endpoint';
COMMENT ON COLUMN pulsimo.certificates.issuer IS 'who issued it';
COMMENT ON COLUMN pulsimo.certificates.expires_at IS 'until when it is valid';
COMMENT ON COLUMN pulsimo.certificates.seen_at IS 'when it was seen for the first time';

COMMENT ON TABLE pulsimo.incidents IS 'What went wrong. An endpoint has at most one active incident; incidents outlive their endpoint.';
COMMENT ON COLUMN pulsimo.incidents.id IS 'given by the database; what incident_timeline() takes';
COMMENT ON COLUMN pulsimo.incidents.endpoint_id IS 'the endpoint of an automatic incident; NULL when it was removed';
COMMENT ON COLUMN pulsimo.incidents.organization_id IS 'the organization it happened in';
COMMENT ON COLUMN pulsimo.incidents.project_id IS 'the project of its endpoint, also when that was removed; NULL when the project was';
COMMENT ON COLUMN pulsimo.incidents.title IS 'endpoint and reason in one line';
COMMENT ON COLUMN pulsimo.incidents.status IS 'open, acknowledged, investigating or resolved';
COMMENT ON COLUMN pulsimo.incidents.severity IS 'critical, high, medium or low; of an automatic incident see incident_severity()';
COMMENT ON COLUMN pulsimo.incidents.error_class IS 'kind of the failure that opened it';
COMMENT ON COLUMN pulsimo.incidents.detail IS 'the failure that opened it, in words';
COMMENT ON COLUMN pulsimo.incidents.started_at IS 'start of the first failed check';
COMMENT ON COLUMN pulsimo.incidents.created_at IS 'when it was opened, after failure_threshold failures';
COMMENT ON COLUMN pulsimo.incidents.resolved_at IS 'start of the first check that passed again, or when somebody resolved it; NULL while active';
COMMENT ON COLUMN pulsimo.incidents.number IS 'INC-YYYY-NNNNNN, unique in the organization: the year it was opened, and a number that goes on from year to year';
COMMENT ON COLUMN pulsimo.incidents.priority IS 'high, medium or low; NULL: nobody has set one';
COMMENT ON COLUMN pulsimo.incidents.muted_until IS 'until when nobody is to be told of it; NULL: not muted';
COMMENT ON COLUMN pulsimo.incidents.acknowledged_at IS 'when it was acknowledged for the first time, or investigated or resolved by somebody without that';
COMMENT ON COLUMN pulsimo.incidents.acknowledged_by IS 'who that was; NULL: nobody yet, or the operator';
COMMENT ON COLUMN pulsimo.incidents.opened_by IS 'who opened it; NULL: the keeper, or the operator';
COMMENT ON COLUMN pulsimo.incidents.resolved_by IS 'who resolved it; NULL: the keeper, or the operator';
COMMENT ON COLUMN pulsimo.incidents.automatic IS 'whether the keeper opened it';
COMMENT ON COLUMN pulsimo.incidents.reopened IS 'how often it was reopened';

COMMENT ON TABLE pulsimo.incident_events IS 'What happened to an incident. Rows are only ever added; incident_timeline() reads them.';
COMMENT ON COLUMN pulsimo.incident_events.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.incident_events.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_events.event IS 'what happened';
COMMENT ON COLUMN pulsimo.incident_events.happened_at IS 'when';
COMMENT ON COLUMN pulsimo.incident_events.detail IS 'in words';
COMMENT ON COLUMN pulsimo.incident_events.user_id IS 'who did it; NULL: a worker, or the operator';
COMMENT ON COLUMN pulsimo.incident_events.data IS 'what has changed, as values; incident_as_of() reads it';

COMMENT ON TABLE pulsimo.maintenance_windows IS
'When trouble is expected: checks go on, no incident opens, and the time is left out of uptime. A row is about an endpoint, a project, all endpoints with a tag, or, when all three are NULL, the whole organization.';
COMMENT ON COLUMN pulsimo.maintenance_windows.id IS 'given by the database; what end_maintenance() takes';
COMMENT ON COLUMN pulsimo.maintenance_windows.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.maintenance_windows.project_id IS 'the project it is for';
COMMENT ON COLUMN pulsimo.maintenance_windows.endpoint_id IS 'the endpoint it is for';
COMMENT ON COLUMN pulsimo.maintenance_windows.tag IS 'the tag of the endpoints it is for';
COMMENT ON COLUMN pulsimo.maintenance_windows.title IS 'what is done, one line of at most 200 characters';
COMMENT ON COLUMN pulsimo.maintenance_windows.starts_at IS 'when it begins; of a recurring one, the time before which it does not recur';
COMMENT ON COLUMN pulsimo.maintenance_windows.ends_at IS 'when it ends; of a recurring one, the time after which it does not recur, NULL: never';
COMMENT ON COLUMN pulsimo.maintenance_windows.cron IS 'when it recurs, as a cron expression; NULL: it does not';
COMMENT ON COLUMN pulsimo.maintenance_windows.timezone IS 'the time zone of cron';
COMMENT ON COLUMN pulsimo.maintenance_windows.duration IS 'how long it lasts every time, 1 second to 7 days';
COMMENT ON COLUMN pulsimo.maintenance_windows.created_by IS 'who planned it; NULL for the operator';
COMMENT ON COLUMN pulsimo.maintenance_windows.created_at IS 'when it was planned';

COMMENT ON TABLE pulsimo.dependencies IS 'Which endpoint needs which. Never a cycle.';
COMMENT ON COLUMN pulsimo.dependencies.endpoint_id IS 'the endpoint that needs another one';
COMMENT ON COLUMN pulsimo.dependencies.depends_on IS 'the endpoint that is needed';
COMMENT ON COLUMN pulsimo.dependencies.kind IS 'strong, weak or monitoring';
COMMENT ON COLUMN pulsimo.dependencies.role IS 'primary, cache, search, fallback or optional';
COMMENT ON COLUMN pulsimo.dependencies.criticality IS 'critical, high, medium or low';
COMMENT ON COLUMN pulsimo.dependencies.created_at IS 'when it was added';

COMMENT ON TABLE pulsimo.suppressions IS 'When an endpoint was down without an incident of its own, because an endpoint that it needs was down.';
COMMENT ON COLUMN pulsimo.suppressions.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.suppressions.endpoint_id IS 'the endpoint without an incident';
COMMENT ON COLUMN pulsimo.suppressions.cause_endpoint_id IS 'the endpoint that it needs; NULL when it was removed';
COMMENT ON COLUMN pulsimo.suppressions.cause_incident_id IS 'the incident of that; NULL when there was none (maintenance) or it is gone';
COMMENT ON COLUMN pulsimo.suppressions.began_at IS 'since when it was down';
COMMENT ON COLUMN pulsimo.suppressions.ended_at IS 'when it was not down any more (or in maintenance, or paused), or got an incident of its own; NULL: it still is';

COMMENT ON TABLE pulsimo.incident_numbers IS 'The next numbers of incidents, in 16 lanes for each organization, so that sessions do not wait for each other.';
COMMENT ON COLUMN pulsimo.incident_numbers.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.incident_numbers.lane IS '0 to 15; its numbers are those that leave lane + 1 when divided by 16';
COMMENT ON COLUMN pulsimo.incident_numbers.next_number IS 'the number of the next incident that takes this lane';

COMMENT ON TABLE pulsimo.incident_endpoints IS 'The endpoints of an incident besides that of incidents.endpoint_id.';
COMMENT ON COLUMN pulsimo.incident_endpoints.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_endpoints.endpoint_id IS 'the endpoint';

COMMENT ON TABLE pulsimo.incident_assignees IS 'Who is dealing with an incident.';
COMMENT ON COLUMN pulsimo.incident_assignees.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_assignees.user_id IS 'the person';
COMMENT ON COLUMN pulsimo.incident_assignees.assigned_at IS 'since when';

COMMENT ON TABLE pulsimo.incident_notes IS 'What people have found out and tried. Only the author changes a note.';
COMMENT ON COLUMN pulsimo.incident_notes.id IS 'given by the database; what edit_note() takes';
COMMENT ON COLUMN pulsimo.incident_notes.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_notes.author_id IS 'who wrote it; NULL: the operator, or somebody who was removed';
COMMENT ON COLUMN pulsimo.incident_notes.category IS 'finding, attempted_fix, root_cause, workaround, fix or follow_up';
COMMENT ON COLUMN pulsimo.incident_notes.body IS 'the note, at most 64 KiB';
COMMENT ON COLUMN pulsimo.incident_notes.created_at IS 'when it was written';
COMMENT ON COLUMN pulsimo.incident_notes.edited_at IS 'when it was changed for the last time; NULL: never';

COMMENT ON TABLE pulsimo.incident_links IS 'How incidents relate to each other.';
COMMENT ON COLUMN pulsimo.incident_links.incident_id IS 'the incident that is duplicate_of, caused_by, blocks or parent_of';
COMMENT ON COLUMN pulsimo.incident_links.link IS 'duplicate_of, caused_by, blocks or parent_of';
COMMENT ON COLUMN pulsimo.incident_links.other_id IS 'the other incident';
COMMENT ON COLUMN pulsimo.incident_links.created_at IS 'when they were linked';

COMMENT ON TABLE pulsimo.incident_excerpts IS 'What the probe saw when an incident opened, without secrets.';
COMMENT ON COLUMN pulsimo.incident_excerpts.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.incident_excerpts.checked_at IS 'start of the check';
COMMENT ON COLUMN pulsimo.incident_excerpts.excerpt IS 'url, address, http_version, status_line, headers, body (the first 4 KiB), body_truncated, certificate; each if it is known';

COMMENT ON TABLE pulsimo.postmortems IS 'What people have written about an incident afterwards; postmortem() makes a document of it.';
COMMENT ON COLUMN pulsimo.postmortems.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.postmortems.summary IS 'what happened, in a few sentences';
COMMENT ON COLUMN pulsimo.postmortems.root_cause_category IS 'infrastructure, application, human_error or external';
COMMENT ON COLUMN pulsimo.postmortems.root_cause IS 'why it happened';
COMMENT ON COLUMN pulsimo.postmortems.lessons IS 'what was learned';
COMMENT ON COLUMN pulsimo.postmortems.updated_by IS 'who wrote it last; NULL for the operator';
COMMENT ON COLUMN pulsimo.postmortems.updated_at IS 'when that was';

COMMENT ON TABLE pulsimo.action_items IS 'What is to be done so that an incident does not happen again.';
COMMENT ON COLUMN pulsimo.action_items.id IS 'given by the database; what complete_action_item() takes';
COMMENT ON COLUMN pulsimo.action_items.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.action_items.title IS 'what is to be done, one line of at most 500 characters';
COMMENT ON COLUMN pulsimo.action_items.owner_id IS 'who does it; NULL: nobody yet';
COMMENT ON COLUMN pulsimo.action_items.due_on IS 'by when; NULL: some time';
COMMENT ON COLUMN pulsimo.action_items.created_at IS 'when it was added';
COMMENT ON COLUMN pulsimo.action_items.completed_at IS 'when it was done; NULL: not yet';
COMMENT ON COLUMN pulsimo.action_items.completed_by IS 'who said so; NULL: the operator';

COMMENT ON TABLE pulsimo.deployments IS 'When something was rolled out: what suggest_causes() looks at.';
COMMENT ON COLUMN pulsimo.deployments.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.deployments.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.deployments.project_id IS 'the project it concerns; NULL: the whole organization';
COMMENT ON COLUMN pulsimo.deployments.service IS 'what was rolled out';
COMMENT ON COLUMN pulsimo.deployments.version IS 'in which version';
COMMENT ON COLUMN pulsimo.deployments.deployed_at IS 'when';
COMMENT ON COLUMN pulsimo.deployments.recorded_by IS 'who said so; NULL: the operator';

COMMENT ON TABLE pulsimo.response_goals IS 'How soon an organization means to react to incidents of a severity.';
COMMENT ON COLUMN pulsimo.response_goals.organization_id IS 'the organization';
COMMENT ON COLUMN pulsimo.response_goals.severity IS 'the severity';
COMMENT ON COLUMN pulsimo.response_goals.acknowledge_within IS 'time from opening to acknowledging; NULL: no goal';
COMMENT ON COLUMN pulsimo.response_goals.resolve_within IS 'time from opening to resolving; NULL: no goal';

COMMENT ON TABLE pulsimo.outbox IS
'Messages to the world, written in the transaction that caused them. NOTIFY on channel "pulsimo" tells the ids of new rows: {"outbox":[7,8,9]}, or {"outbox":[7,2000],"range":true} for all from the first to the last when there are too many to list. A listener reads the rows and deletes those it has dealt with (DELETE ... RETURNING), and begins with those that are there: ids are given before the commit, so a row may appear after one with a higher id, and whoever only remembers the last id misses it.';
COMMENT ON COLUMN pulsimo.outbox.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.outbox.created_at IS 'when it was written';
COMMENT ON COLUMN pulsimo.outbox.topic IS 'incident_opened, incident_acknowledged, incident_resolved or incident_reopened';
COMMENT ON COLUMN pulsimo.outbox.incident_id IS 'the incident';
COMMENT ON COLUMN pulsimo.outbox.payload IS
'incident_id, number, title, severity, muted_until, endpoint_id, endpoint (its name), url, status, error (class), detail, started_at, resolved_at';

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
