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
