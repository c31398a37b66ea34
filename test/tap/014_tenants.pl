# Ten thousand statements, made up at random, of people of organization A: nothing of organization B may show in a result
# or an error, nothing of it may change, and an id of B has to be like one that does not exist. All texts of B contain a
# word that occurs nowhere else. SEED in the environment repeats a run.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $seed = $ENV{SEED} // int rand 1_000_000_000;
srand $seed;
diag "SEED=$seed";
my $word = 'hush';
my $absent = 1_000_000;
my $password = 'correct donkey battery';
my $node = new_pulsimo_node('main', log_statement => 'none', log_min_messages => 'fatal');

# --- two organizations of the same shape ----------------------------------------------------------------------------------

# Everything that can be known of an organization, its ids given.
sub fill {
    my ($number, $text) = @_;
    return <<"SQL";
INSERT INTO pulsimo.organizations (id, name) OVERRIDING SYSTEM VALUE VALUES ($number, '$text');
INSERT INTO pulsimo.projects (id, organization_id, name) OVERRIDING SYSTEM VALUE
    VALUES (10 + $number, $number, '$text one'), (20 + $number, $number, '$text two');
INSERT INTO pulsimo.users (id, email, name) OVERRIDING SYSTEM VALUE
    SELECT 10 * n + $number, '$text' || n || '\@$text.example', '$text ' || n FROM generate_series(1, 4) n;
INSERT INTO pulsimo.memberships (organization_id, user_id, role)
    SELECT $number, 10 * n + $number, (enum_range(NULL::pulsimo.organization_role))[n] FROM generate_series(1, 4) n;
INSERT INTO pulsimo.project_members (project_id, user_id) VALUES (10 + $number, 40 + $number);
INSERT INTO pulsimo.invitations (organization_id, email, role, token_hash, expires_at)
    VALUES ($number, 'i\@$text.example', 'viewer', '$text', now() + interval '1 day');
INSERT INTO pulsimo.user_sessions (user_id, token_hash, expires_at, application)
    VALUES (10 + $number, '$text', now() + interval '1 day', '$text');
INSERT INTO pulsimo.endpoints (id, project_id, name, url, options) OVERRIDING SYSTEM VALUE
    SELECT 100 * n + $number, 10 + $number, '$text ' || n, 'http://127.0.0.1:1/$text', '{"body": "$text"}'
    FROM generate_series(1, 3) n;
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class, error)
    SELECT 100 * n + $number, now() - i * interval '1 s', 'down', i, 'refused', '$text'
    FROM generate_series(1, 3) n, generate_series(1, 20) i;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, detail)
    SELECT 100 * n + $number, now(), 'down', 'unknown', '$text' FROM generate_series(1, 3) n;
INSERT INTO pulsimo.certificates (endpoint_id, issuer, expires_at)
    SELECT 100 * n + $number, '$text', now() FROM generate_series(1, 3) n;
INSERT INTO pulsimo.incidents (id, endpoint_id, title, detail, started_at) OVERRIDING SYSTEM VALUE
    SELECT 100 * n + $number, 100 * n + $number, '$text', '$text', now() FROM generate_series(1, 3) n;
INSERT INTO pulsimo.incident_events (incident_id, event, detail)
    SELECT 100 * n + $number, 'created', '$text' FROM generate_series(1, 3) n;
INSERT INTO pulsimo.outbox (topic, incident_id, payload)
    SELECT 'incident_opened', 100 * n + $number, '{"endpoint": "$text"}' FROM generate_series(1, 3) n;
SQL
}

$node->safe_psql('postgres', join '', 'SELECT pulsimo.stop();',
    'SELECT pulsimo.ensure_partitions(current_date - 1, current_date + 1);', fill(1, 'open'), fill(2, $word));
# Partitions are readable by themselves, as GRANT SELECT ON ALL TABLES makes them.
$node->safe_psql('postgres', <<"SQL");
ALTER TABLE pulsimo.endpoints ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.users ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.projects ALTER id RESTART WITH 5000;
CREATE ROLE a_owner LOGIN; CREATE ROLE a_member LOGIN; CREATE ROLE a_viewer LOGIN; CREATE ROLE pool LOGIN;
SELECT pulsimo.grant_access(r) FROM unnest('{a_owner,a_member,a_viewer,pool}'::name[]) r;
UPDATE pulsimo.users u SET database_role = r.role
FROM (VALUES (11, 'a_owner'), (31, 'a_member'), (41, 'a_viewer')) AS r (id, role) WHERE r.id = u.id;
DO \$\$
DECLARE partition regclass;
BEGIN
    FOR partition IN SELECT relid FROM pg_partition_tree('pulsimo.health_checks') WHERE level > 0 LOOP
        EXECUTE format('GRANT SELECT ON %s TO a_owner, a_member, a_viewer, pool', partition);
    END LOOP;
END \$\$;
SELECT pulsimo.set_password(21, '$password');
-- What a statement shows: its rows or what the error says, as one text.
CREATE FUNCTION public.attempt(statement text, token text) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
    shown text := '';
    line record;
    message text;
    detail text;
    hint text;
BEGIN
    IF token <> '' THEN
        PERFORM pulsimo.use_session(token);
    END IF;
    IF statement ~* '^(SELECT|EXPLAIN|TABLE|WITH)' OR statement ~* ' RETURNING ' THEN
        FOR line IN EXECUTE statement LOOP
            shown := shown || line::text || E'\\n';
        END LOOP;
    ELSE
        EXECUTE statement;
    END IF;
    RETURN shown;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || message, detail, hint);
END \$\$;
SQL

my $ids_of_b = <<'SQL';
SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
    SELECT o::text FROM pulsimo.organizations o WHERE id = 2
    UNION ALL SELECT p::text FROM pulsimo.projects p WHERE organization_id = 2
    UNION ALL SELECT u::text FROM pulsimo.users u WHERE email LIKE '%hush%'
    UNION ALL SELECT m::text FROM pulsimo.memberships m WHERE organization_id = 2
    UNION ALL SELECT s::text FROM pulsimo.project_members s WHERE project_id IN (12, 22)
    UNION ALL SELECT i::text FROM pulsimo.invitations i WHERE organization_id = 2
    UNION ALL SELECT s::text FROM pulsimo.user_sessions s WHERE application = 'hush'
    UNION ALL SELECT e::text FROM pulsimo.endpoints e WHERE project_id IN (12, 22)
    UNION ALL SELECT h::text FROM pulsimo.health_checks h WHERE endpoint_id % 100 = 2
    UNION ALL SELECT s::text FROM pulsimo.state_changes s WHERE endpoint_id % 100 = 2
    UNION ALL SELECT c::text FROM pulsimo.certificates c WHERE endpoint_id % 100 = 2
    UNION ALL SELECT i::text FROM pulsimo.incidents i WHERE organization_id = 2
    UNION ALL SELECT v::text FROM pulsimo.incident_events v WHERE incident_id % 100 = 2
    UNION ALL SELECT o::text FROM pulsimo.outbox o WHERE incident_id % 100 = 2) all_of_b (line)
SQL

# --- statements -----------------------------------------------------------------------------------------------------------

sub one_of { return $_[ int rand @_ ] }

my @relations = split /\n/, $node->safe_psql('postgres', q{SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')});
my @columns = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q{SELECT a.attrelid::regclass, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0});
# Every function of the extension, with the types of its arguments; not those that would stop the test itself.
my @functions = map { [ split /\|/, $_, 2 ] } split /\n/, $node->safe_psql('postgres', q{
    SELECT p.oid::regproc, (SELECT coalesce(string_agg(format_type(t, NULL), '|' ORDER BY o), '')
                            FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, o))
    FROM pg_proc p WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.prorettype <> 'trigger'::regtype
        AND p.proname NOT IN ('sign_in', 'sign_in_as_owner', 'hash_password', 'password_matches', 'check_password',
                              'check_now', 'change_password', 'change_password_as_owner', 'is_sign_in_locked',
                              'note_sign_in',
                              'revoke_sessions', 'revoke_sessions_as_owner')});

my @ids = (1, 2, 11, 12, 22, 12, 32, 42, 101, 102, 202, 302, 102, $absent, -1, 0);
my @texts = ("'", "''", "x'; DELETE FROM pulsimo.endpoints; --", "' OR true --", '$$', '%s', '\\', 'open', 'a@b.example',
    'a_viewer', 'pus_x', '{}', 'endpoints.change', 'project.view', 'pulsimo.endpoints');

sub literal {
    my ($type) = @_;
    return 'NULL' if rand() < 0.05;
    return one_of(@ids) if $type =~ /^(bigint|integer)$/;
    return one_of('true', 'false') if $type eq 'boolean';
    return one_of(q{'{2,102,202}'}, q{'{}'}) . "::$type" if $type =~ /bigint\[\]/;
    return q{'{}'} . "::$type" if $type =~ /\[\]$/;
    return one_of("'{}'", "'[]'", q{'{"project": 12}'}, q{'{"project": 12, "name": "x"}'}, q{'[{"endpoint_id": 102}]'}) . '::jsonb'
      if $type eq 'jsonb';
    return one_of("'1 s'", "'1 day'", "'-1 s'") . '::interval' if $type eq 'interval';
    return 'now()' if $type =~ /^timestamp/;
    return 'current_date' if $type eq 'date';
    return one_of("'viewer'", "'owner'") . "::$type" if $type =~ /_role$/;
    return "'active'::$type" if $type =~ /user_status/;
    return "NULL::$type" if $type =~ /^pulsimo\./;
    return "'pulsimo.endpoints'::regclass" if $type eq 'regclass';
    return '1.0' if $type eq 'double precision';
    (my $text = one_of(@texts)) =~ s/'/''/g;
    return "'$text'::$type";
}

sub condition {
    my ($relation) = @_;
    my @own = grep { $_->[0] eq $relation } @columns;
    return 'true' if !@own || rand() < 0.2;
    my $column = one_of(@own)->[1];
    return one_of("$column IS NOT NULL", "$column\::text LIKE '%h%'", "$column\::text > 'a'", "$column\::text = '2'",
        "length($column\::text) / 0 = 1", "$column\::text::integer = 2");
}

my %make = (
    read => sub { my $r = one_of(@relations); return "SELECT * FROM $r WHERE " . condition($r) },
    count => sub { my $r = one_of(@relations); return "SELECT count(*), max(t::text) FROM $r t WHERE " . condition($r) },
    join => sub {
        my ($one, $other) = (one_of(@relations), one_of(@relations));
        return "SELECT * FROM $one a JOIN LATERAL (SELECT * FROM $other LIMIT 3) b ON true LIMIT 20";
    },
    explain => sub { my $r = one_of(@relations); return "EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM $r WHERE " . condition($r) },
    lock => sub { my $r = one_of(@relations); return "SELECT * FROM $r FOR " . one_of('UPDATE', 'SHARE', 'KEY SHARE') },
    update => sub {
        my ($relation, $column) = @{ one_of(@columns) };
        return "UPDATE $relation SET $column = $column WHERE " . condition($relation) . one_of('', " RETURNING $column");
    },
    move => sub { "UPDATE pulsimo.endpoints SET project_id = " . one_of(11, 12, 21, 22, $absent) . ' WHERE id = ' . one_of(@ids) },
    delete => sub { my $r = one_of(@relations); return "DELETE FROM $r WHERE " . condition($r) },
    insert => sub {
        my ($relation, $column) = @{ one_of(@columns) };
        return "INSERT INTO $relation ($column) VALUES (" . literal(one_of('bigint', 'text')) . ") RETURNING *";
    },
    endpoint => sub {
        my $project = one_of(11, 12, 21, 22, $absent);
        return "INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES ($project, 'x', 'http://127.0.0.1:1/') RETURNING name";
    },
    function => sub {
        my ($name, $types) = @{ one_of(@functions) };
        return "SELECT * FROM $name(" . join(', ', map { literal($_) } split /\|/, $types) . ')';
    },
);
my @kinds = ((sort keys %make), ('function') x 8, ('read') x 3);

# --- the run --------------------------------------------------------------------------------------------------------------

my $token = $node->safe_psql('postgres', "SELECT pulsimo.sign_in('open2\@open.example', '$password')",
    extra_params => [ '-U', 'pool' ]);
my $before = $node->safe_psql('postgres', $ids_of_b);
my $state = $node->safe_psql('postgres', 'SELECT running FROM pulsimo.state');

# Runs statements as somebody, each in a transaction of its own, and returns what they showed.
sub attempt_all {
    my ($role, @statements) = @_;
    my $of_token = $role eq 'pool' ? $token : '';
    my $n = 0;
    my $script = join "\n", map { "\\echo === $n\nSELECT public.attempt(\$statement\$$_\$statement\$, '$of_token');" . ($n++ x 0) }
      @statements;
    my ($status, $out) = $node->psql('postgres', "SET statement_timeout = '20s';\n$script",
        on_error_stop => 0, extra_params => [ '-U', $role ]);
    my (undef, @shown) = split /^=== \d+\n/m, $out;
    s/\s+\z// for @shown;
    return @shown;
}

my (@leaks, %worked);
my $run = 0;
for my $role (('a_owner', 'a_member', 'a_viewer', 'pool') x 5) {
    my @statements = map { $make{ one_of(@kinds) }->() } 1 .. 505;
    my @shown = attempt_all($role, @statements);
    $run += @shown;
    for my $k (0 .. $#shown) {
        push @leaks, "$role: $statements[$k]\n$shown[$k]" if $shown[$k] =~ /$word/;
        $worked{$role}++ if $shown[$k] !~ /^[0-9A-Z]{5} /;
    }
}
cmp_ok($run, '>=', 10_000, 'statements were run');
cmp_ok($worked{$_}, '>', 300, "and many of those of $_ succeed") for sort keys %worked;
is(join("\n", @leaks[0 .. ($#leaks > 4 ? 4 : $#leaks)]), '', 'no word of B shows');
is($node->safe_psql('postgres', $ids_of_b), $before, 'nothing of B has changed');
is($node->safe_psql('postgres', 'SELECT running FROM pulsimo.state'), $state, 'monitoring was neither started nor stopped');

# --- an id of B and one that does not exist ---------------------------------------------------------------------------------

my @differ;
for my $role ('a_owner', 'a_viewer', 'pool') {
    for my $position (1 .. 2) {
        # What is computed from a number alone differs, and tells nothing.
        my @with_id = grep { $_->[0] !~ /next_slot|readable_duration/ 
              && ((split /\|/, $_->[1])[ $position - 1 ] // '') eq 'bigint' } @functions;
        my @statements;
        for my $function (@with_id) {
            my @arguments = map { literal($_) } split /\|/, $function->[1];
            for my $id (102, 12, 2, 32, $absent) {
                $arguments[ $position - 1 ] = $id;
                push @statements, "SELECT * FROM $function->[0](" . join(', ', @arguments) . ')';
            }
        }
        my @shown = attempt_all($role, @statements);
        s/\b(102|12|2|32|$absent)\b/ID/g for @shown;
        for (my $k = 0; $k + 4 < @shown; $k += 5) {
            push @differ, "$role: $statements[$k + $_]\n$shown[$k + $_]\ninstead of\n$shown[$k + 4]"
              for grep { $shown[ $k + $_ ] ne $shown[ $k + 4 ] } 0 .. 3;
        }
    }
}
is(join("\n", @differ[0 .. ($#differ > 4 ? 4 : $#differ)]), '', 'ids of B are like ids that do not exist');
is($node->safe_psql('postgres', $ids_of_b), $before, 'and still nothing of B has changed');

# --- a partition that somebody attached ------------------------------------------------------------------------------------

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE pulsimo.health_checks_by_hand (LIKE pulsimo.health_checks INCLUDING CONSTRAINTS);
ALTER TABLE pulsimo.health_checks ATTACH PARTITION pulsimo.health_checks_by_hand
    FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
SQL
is($node->safe_psql('postgres', q{SELECT pulsimo.is_protected('pulsimo.health_checks_by_hand')}), 'f',
    'a partition that was attached by hand has no row security');
$node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = true; SELECT pulsimo.start()');
wait_for_sql($node, 'postgres', q{SELECT pulsimo.is_protected('pulsimo.health_checks_by_hand')}, 't');
pass('and the keeper gives it that of its parent');

done_testing();
