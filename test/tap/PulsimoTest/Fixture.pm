# Rows that were valid in a version of the extension, so that dumps and upgrades of old versions have something to lose.
#
# Old versions have tables and no functions (src/sql belongs to the newest), so everything is plain SQL. A migration
# that adds a durable table adds its rows here: unfilled_tables() finds what was forgotten.
package PulsimoTest::Fixture;

use strict;
use warnings;
use Exporter 'import';
use PulsimoTest::Contents;

our @EXPORT = qw(versions install_version load_fixture unfilled_tables);

# All versions, the oldest first.
sub versions {
    my ($node) = @_;
    return split /\n/, $node->safe_psql('postgres',
        "SELECT version FROM pg_available_extension_versions WHERE name = 'pulsimo' ORDER BY version::integer");
}

sub install_version {
    my ($node, $database, $version) = @_;
    $node->safe_psql($database, "CREATE EXTENSION pulsimo VERSION '$version'");
    return;
}

# Each is [first version, last version (none: still), SQL]. Nobody listens on port 1, so even a probe that should not
# happen would harm nobody. The last endpoint goes again, like others, so that a sequence is ahead of its table.
my @rows = (
    [1, undef, <<'SQL'],
INSERT INTO pulsimo.users (email, name) VALUES ('ada@example.org', 'Ada'), ('Bob@example.org', E'Böb "\\N" O''Neil');
SQL
    [1, 1, <<'SQL'],
INSERT INTO pulsimo.projects (name) VALUES ('shop'), ('intranet');
SQL
    [2, undef, <<'SQL'],
INSERT INTO pulsimo.organizations (name) VALUES ('Acme'), ('Übermut & Söhne');
INSERT INTO pulsimo.memberships (organization_id, user_id, role)
VALUES (1, 1, 'owner'), (2, 1, 'viewer'), (2, 2, 'admin');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (2, 'shop');
SQL
    [1, undef, <<'SQL'],
INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout, retry_interval, degraded_after, options,
                               paused)
VALUES (1, 'plain', 'http://127.0.0.1:1/', '2 s', '1 s', NULL, NULL, '{}', false),
       (2, 'all set', 'http://127.0.0.1:1/?q=%22', '1 day', '30 s', '5 s', '500 ms',
        '{"method": "POST", "body": "a\nb\t\\\"c\"", "headers": {"X-Note": "1"}}', true),
       (2, 'gone', 'http://127.0.0.1:1/gone', '60 s', '10 s', NULL, NULL, '{}', false);
INSERT INTO pulsimo.incidents (endpoint_id, title, status, severity, error_class, detail, started_at, created_at,
                               resolved_at)
VALUES (1, 'plain is down', 'open', 'high', 'refused', E'line\nbreak\ttab \\ backslash',
        '2024-02-29 12:00:00.000001+00', '2024-02-29 12:03:00+00', NULL),
       (1, 'plain was down', 'resolved', 'low', 'timeout', NULL, '2023-01-01 00:00+00', '2023-01-01 00:01+00',
        '2023-01-02 00:00+00'),
       (2, 'all set is degraded', 'acknowledged', 'critical', NULL, '', '2024-02-29 12:00+00', '2024-02-29 12:00+00',
        NULL);
SQL
    [3, undef, <<'SQL'],
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, dns_us, connect_us, tls_us,
                                   first_byte_us, transfer_us, http_status, error_class, error)
SELECT 1 + n % 2, timestamptz '2024-02-29 00:00+00' + n * interval '4 min',
       CASE n % 3 WHEN 0 THEN 'down' ELSE 'up' END::pulsimo.status, n * 1000, NULL, 0, 1, 2, n,
       CASE n % 3 WHEN 0 THEN NULL ELSE 200 END, CASE n % 3 WHEN 0 THEN 'refused' END::pulsimo.error_class,
       CASE n % 3 WHEN 0 THEN 'connection refused by 127.0.0.1:1' END
FROM generate_series(0, 719) n;
SQL
    [4, undef, <<'SQL'],
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, error_class, detail, recorded_at)
VALUES (1, '2024-02-29 00:00+00', 'up', 'unknown', NULL, NULL, '2024-02-29 00:00:01+00'),
       (1, '2024-02-29 12:00+00', 'down', 'up', 'refused', 'connection refused', '2024-02-29 12:03+00'),
       (2, '2024-02-29 12:00+00', 'paused', 'unknown', NULL, NULL, '2024-02-29 12:00+00');
INSERT INTO pulsimo.certificates (endpoint_id, issuer, expires_at, seen_at)
VALUES (1, 'CN=Tést', '2030-01-01 00:00+00', '2024-02-29 00:00+00');
SQL
    [5, undef, <<'SQL'],
INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail)
VALUES (1, 'created', '2024-02-29 12:03+00', 'connection refused'), (3, 'acknowledged', '2024-02-29 12:05+00', NULL);
INSERT INTO pulsimo.outbox (created_at, topic, incident_id, payload)
VALUES ('2024-02-29 12:03+00', 'incident_opened', 1, '{"incident_id": 1, "detail": "\"quoted\" \\ ünï"}');
SQL
    [6, undef, <<'SQL'],
UPDATE pulsimo.incidents i SET organization_id = p.organization_id, project_id = p.id
FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = i.endpoint_id;
UPDATE pulsimo.users SET status = 'disabled', database_role = 'some "role"' WHERE id = 1;
UPDATE pulsimo.memberships SET status = 'disabled' WHERE user_id = 2;
INSERT INTO pulsimo.project_members (project_id, user_id, role) VALUES (1, 2, 'editor');
INSERT INTO pulsimo.invitations (organization_id, email, role, token_hash, created_at, expires_at)
VALUES (2, 'c@example.org', 'viewer', '\x00ff', '2024-03-01 12:00+00', '2024-03-07 12:00+00');
SQL
    [7, undef, <<'SQL'],
INSERT INTO pulsimo.passwords (user_id, hash, created_at) VALUES (1, '$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA', '2024-03-07 12:00+00');
SQL
    [8, undef, <<'SQL'],
INSERT INTO pulsimo.api_keys (user_id, name, scopes, key_hash, created_at, expires_at, last_used_at)
VALUES (1, E'däploy "\\" ''1''', '{read,endpoints.change}', '\x00ff5c27', '2024-03-01 12:00+00', '2034-03-01 12:00+00',
        '2024-03-02 12:00+00'),
       (1, 'for ever', '{all}', '\x01', '2024-03-01 12:00+00', NULL, NULL),
       (2, 'for ever', '{read}', '\x02', '2024-03-01 12:00+00', '2024-03-02 12:00+00', NULL),
       (2, 'gone', '{read}', '\x03', '2024-03-01 12:00+00', NULL, NULL);
DELETE FROM pulsimo.api_keys WHERE name = 'gone';
SQL
    [9, undef, <<'SQL'],
INSERT INTO pulsimo.secrets (organization_id, name, hosts, sealed, created_at, changed_at)
VALUES (1, E'shöp "\\" ''token''', '{shop.example,127.0.0.1,::1}', '\x00ff5c5c27220a', '2024-03-01 12:00+00', '2024-03-02 12:00+00'),
       (2, 'for any host', NULL, '\x01', '2024-03-01 12:00+00', '2024-03-01 12:00+00'),
       (2, 'gone', NULL, '\x02', '2024-03-01 12:00+00', '2024-03-01 12:00+00');
DELETE FROM pulsimo.secrets WHERE name = 'gone';
UPDATE pulsimo.endpoints SET options = options || '{"auth": {"bearer": {"secret": "for any host"}}}' WHERE id = 2;
INSERT INTO pulsimo.one_time_passwords (user_id, sealed, confirmed, last_used_step, created_at)
VALUES (1, '\x00ff5c27', true, 57000000, '2024-03-01 12:00+00'), (2, '\x01', false, 0, '2024-03-02 12:00+00');
INSERT INTO pulsimo.recovery_codes (user_id, code_hash) VALUES (1, '\x00ff5c27'), (1, '\x01');
SQL
    [10, undef, <<'SQL'],
INSERT INTO pulsimo.audit_log (happened_at, organization_id, user_id, account_id, database_role, api_key_id, client_address,
                               application, action, object_type, object_id, before, after, result, detail, times)
VALUES ('2024-03-01 12:00+00', 1, 1, 2, 'some "role"', 1, '2001:db8::1', E'öne "\\"', 'update', 'endpoints', 1,
        '{"name": "a\tb\\\"c"}', '{"name": null}', 'done', NULL, 1),
       ('2024-03-01 12:01+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'use_api_key', NULL, NULL, NULL, NULL, 'failed',
        E'line\nbreak', 4000000000),
       ('2024-03-01 12:02+00', 777, 777, NULL, 'gone', 777, '192.0.2.1', '', 'endpoints.change', NULL, 777, NULL, NULL, 'denied',
        '', 2),
       ('2024-03-01 12:03+00', NULL, 2, 2, 'pool', NULL, '192.0.2.1', 'app', 'sign_in', NULL, NULL, NULL, NULL, 'locked',
        'bob@example.org', 1),
       ('2024-03-01 12:04+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, 'lost', NULL, 3);
SQL
    [11, undef, <<'SQL'],
UPDATE pulsimo.organizations SET max_endpoints = 0, max_checks_per_minute = 1, max_users = 2,
    blocked_networks = '10.0.0.0/8, ::/0', allowed_networks = '10.1.2.0/24'
WHERE id = 2;
SQL
    [12, undef, <<'SQL'],
INSERT INTO pulsimo.access_roles (database_role, extension_version) VALUES ('pg_monitor', '012');
SQL
    [13, undef, <<'SQL'],
INSERT INTO pulsimo.endpoints (project_id, name, url, reference_endpoints) VALUES (1, 'guarded', 'http://127.0.0.1:1/', '{1}');
UPDATE pulsimo.endpoints SET cron = '*/5 9-17 * * 1-5', timezone = 'Europe/Berlin', check_interval = '5 min', timeout = '10 s',
    tags = '{eu,"wéb \\\" ''1''"}', criticality = 'critical', failure_threshold = NULL, failure_window = 5, flap_start = 60,
    flap_stop = 20, auto_resolve = false, reference_endpoints = '{}'
WHERE id = 2;
UPDATE pulsimo.projects SET failure_threshold = 2, failure_window = 4, success_threshold = 2, retry_interval = '5 s',
    degraded_after = '1 s', flap_start = 0, flap_stop = 0, auto_resolve = true, reference_endpoints = '{1,4}'
WHERE id = 1;
UPDATE pulsimo.organizations SET failure_threshold = 4, failure_window = 4, success_threshold = 3, retry_interval = '7 s',
    degraded_after = '2 s', flap_start = 40, flap_stop = 10, auto_resolve = false, reference_endpoints = '{}'
WHERE id = 2;
SQL
    [14, undef, <<'SQL'],
INSERT INTO pulsimo.maintenance_windows (organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at, cron, timezone,
                                         duration, created_by, created_at)
VALUES (1, NULL, NULL, NULL, E'ällés "\\"', '2024-02-29 12:00+00', '2024-02-29 13:00+00', NULL, NULL, NULL, 1, '2024-02-01 12:00+00'),
       (1, 1, NULL, NULL, 'nightly', '2024-02-29 12:00+00', NULL, '0 2 * * *', 'Europe/Berlin', '1 hour', NULL, '2024-02-01 12:00+00'),
       (2, NULL, 2, NULL, 'of one', '2024-02-29 12:00+00', '2024-02-29 13:00+00', '0 3 L * *', 'America/New_York', '02:30:00', 2,
        '2024-02-01 12:00+00'),
       (2, NULL, NULL, 'eu', 'gone', '2024-02-29 12:00+00', '2024-02-29 13:00+00', NULL, NULL, NULL, 2, '2024-02-01 12:00+00');
DELETE FROM pulsimo.maintenance_windows WHERE title = 'gone';
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since, flapping,
                                   recorded_at)
VALUES (1, '2024-02-29 13:00+00', 'maintenance', 'down', 'down', '2024-02-29 12:00+00', true, '2024-02-29 13:00+00');
SQL
    [15, undef, <<'SQL'],
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on, kind, role, criticality, created_at)
VALUES (1, 4, 'weak', 'cache', 'low', '2024-03-01 12:00+00');
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, cause_incident_id, began_at, ended_at)
VALUES (1, 2, 3, '2024-02-29 12:00+00', NULL), (2, NULL, NULL, '2024-02-28 12:00+00', '2024-02-28 13:00+00'),
       (2, 1, 1, '2024-02-27 12:00+00', '2024-02-27 13:00+00');
DELETE FROM pulsimo.suppressions WHERE cause_incident_id = 1;
SQL
    [16, undef, <<'SQL'],
INSERT INTO pulsimo.incident_numbers (organization_id, lane, next_number) VALUES (1, 0, 17), (1, 1, 2), (2, 15, 16)
ON CONFLICT (organization_id, lane) DO UPDATE SET next_number = excluded.next_number;
UPDATE pulsimo.incidents SET number = 'INC-2024-00000' || id, priority = 'low', muted_until = '2024-03-02 12:00+00',
    acknowledged_at = '2024-02-29 12:05+00', acknowledged_by = 1, opened_by = 1, automatic = false, reopened = 2
WHERE id = 3;
INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail, user_id, data)
VALUES (3, 'unassigned', '2024-02-29 12:06+00', 'from "Ada" \\', 1, '{"assigned": 1, "x": "a\tb\\\"c"}');
INSERT INTO pulsimo.incident_endpoints (incident_id, endpoint_id) VALUES (3, 1), (3, 2);
INSERT INTO pulsimo.incident_assignees (incident_id, user_id, assigned_at) VALUES (3, 1, '2024-02-29 12:06+00');
INSERT INTO pulsimo.incident_notes (incident_id, author_id, category, body, created_at, edited_at)
VALUES (3, 1, 'root_cause', E'line\nbreak\t"\\"', '2024-02-29 12:07+00', '2024-02-29 12:08+00'),
       (3, NULL, 'finding', 'gone', '2024-02-29 12:07+00', NULL);
DELETE FROM pulsimo.incident_notes WHERE body = 'gone';
INSERT INTO pulsimo.incident_links (incident_id, link, other_id, created_at)
VALUES (3, 'caused_by', 1, '2024-02-29 12:09+00');
INSERT INTO pulsimo.incident_excerpts (incident_id, checked_at, excerpt)
VALUES (1, '2024-02-29 12:02+00', '{"status_line": "HTTP/1.1 500 ünï", "body": "a\nb\t\\\"c"}');
INSERT INTO pulsimo.postmortems (incident_id, summary, root_cause_category, root_cause, lessons, updated_by, updated_at)
VALUES (2, 'sümmary', 'human_error', E'a\nb', '', 2, '2024-03-01 12:00+00');
INSERT INTO pulsimo.action_items (incident_id, title, owner_id, due_on, created_at, completed_at, completed_by)
VALUES (2, 'do "it"', 1, '2024-03-07', '2024-03-01 12:00+00', '2024-03-02 12:00+00', 2),
       (2, 'gone', NULL, NULL, '2024-03-01 12:00+00', NULL, NULL);
DELETE FROM pulsimo.action_items WHERE title = 'gone';
INSERT INTO pulsimo.deployments (organization_id, project_id, service, version, deployed_at, recorded_by)
VALUES (1, 1, E'shöp "\\"', 'v1.2', '2024-02-29 11:55+00', 1), (2, NULL, 'all', NULL, '2024-02-29 11:00+00', NULL),
       (2, NULL, 'gone', NULL, '2024-02-29 11:00+00', NULL);
DELETE FROM pulsimo.deployments WHERE service = 'gone';
INSERT INTO pulsimo.response_goals (organization_id, severity, acknowledge_within, resolve_within)
VALUES (1, 'critical', '5 min', '4 hours'), (2, 'low', NULL, '7 days');
SQL
    [1, undef, <<'SQL'],
DELETE FROM pulsimo.endpoints WHERE name = 'gone';
SQL
);

# Partitions of the two days that the checks of the fixture are of. Version 3 and later, where there is no
# create_partition() yet, get what that one would make.
sub partition_sql {
    my ($has_function) = @_;
    return "SELECT pulsimo.create_partition(d) FROM unnest('{2024-02-29,2024-03-01}'::date[]) d;\n" if $has_function;
    return join '', map {
        my ($name, $from, $to) = ("health_checks_p$_->[0]", $_->[1], $_->[2]);
        <<"SQL"
CREATE TABLE pulsimo.$name (LIKE pulsimo.health_checks INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
CREATE INDEX ${name}_endpoint_id_checked_at_idx ON pulsimo.$name (endpoint_id, checked_at);
ALTER TABLE pulsimo.health_checks ATTACH PARTITION pulsimo.$name FOR VALUES FROM ('$from 00:00+00') TO ('$to 00:00+00');
SQL
    } ([ '20240229', '2024-02-29', '2024-03-01' ], [ '20240301', '2024-03-01', '2024-03-02' ]);
}

# Fills a database in which this version has just been created.
sub load_fixture {
    my ($node, $database, $version) = @_;
    my $has_function = $node->safe_psql($database,
        "SELECT to_regprocedure('pulsimo.create_partition(date)') IS NOT NULL") eq 't';
    my $sql = $version >= 3 ? partition_sql($has_function) : '';
    for my $row (@rows) {
        my ($first, $last, $statements) = @$row;
        $sql .= $statements if $version >= $first && (!defined $last || $version <= $last);
    }
    # What start() leaves behind.
    $sql .= "INSERT INTO pulsimo.dump_info (extension_version) VALUES ('$version');\n";
    $node->safe_psql($database, "BEGIN;\n${sql}COMMIT;");
    return;
}

# Durable tables that the fixture left empty.
sub unfilled_tables {
    my ($node, $database) = @_;
    return join ' ', map { /^([^|]+)\|0\|/ ? $1 : () } split /\n/,
      rows_of($node, $database, columns_of($node, $database));
}

1;
