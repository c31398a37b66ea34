# Ten thousand statements, made up at random, of people of organization A, who come by a database role, a session or an
# API key: nothing of organization B may show in a result or an error, nothing of it may change, and an id of B has to be
# like one that does not exist. All texts of B contain a word that occurs nowhere else, its limits digits and its networks
# an address. SEED in the environment repeats a run.
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
my %quota = (open => 40_000, $word => 76_543_000);
my %network = (open => '192.0.2.0/24', $word => '203.0.113.0/24');
# As text, in hexadecimal digits as bytea prints it, and the numbers.
my $trace = join '|', $word, unpack('H*', $word), '76543\d\d\d', '203\.0\.113';
my $absent = 1_000_000;
my $password = 'correct donkey battery';
my $key_file = PostgreSQL::Test::Utils::tempdir() . '/key';
{
    my $before = umask 077;
    append_to_file($key_file, '5a' x 32 . "\n");
    umask $before;
}
my $node = new_pulsimo_node('main', log_statement => 'none', log_min_messages => 'fatal',
    'pulsimo.secret_key_file' => $key_file);

# --- two organizations of the same shape ----------------------------------------------------------------------------------

# Everything that can be known of an organization, its ids given.
sub fill {
    my ($number, $text) = @_;
    return <<"SQL";
INSERT INTO pulsimo.organizations (id, name, max_endpoints, max_checks_per_minute, max_users, blocked_networks,
                                   allowed_networks) OVERRIDING SYSTEM VALUE
    VALUES ($number, '$text', $quota{$text} + 1, $quota{$text} + 2, $quota{$text} + 3, '$network{$text}', '$network{$text}');
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
INSERT INTO pulsimo.api_keys (id, user_id, name, scopes, key_hash) OVERRIDING SYSTEM VALUE
    VALUES (10 + $number, 10 + $number, '$text', '{all,read}', '$text');
INSERT INTO pulsimo.one_time_passwords (user_id, sealed, confirmed) VALUES (10 + $number, '$text', true);
INSERT INTO pulsimo.recovery_codes (user_id, code_hash) VALUES (10 + $number, '$text');
INSERT INTO pulsimo.secrets (id, organization_id, name, hosts, sealed) OVERRIDING SYSTEM VALUE
    SELECT 100 * n + $number, $number, '$text ' || n, '{127.0.0.1,$text.example}', '$text' FROM generate_series(1, 3) n;
INSERT INTO pulsimo.endpoints (id, project_id, name, url, tags, options) OVERRIDING SYSTEM VALUE
    SELECT 100 * n + $number, 10 + $number, '$text ' || n, 'http://127.0.0.1:1/$text', '{$text}',
           jsonb_build_object('body', '$text', 'headers', jsonb_build_object('X-Token', jsonb_build_object('secret', '$text ' || n)))
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
INSERT INTO pulsimo.maintenance_windows (id, organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at)
    OVERRIDING SYSTEM VALUE
    VALUES (100 + $number, $number, NULL, NULL, NULL, '$text', now() + interval '1 day', now() + interval '2 days'),
           (200 + $number, $number, 10 + $number, NULL, NULL, '$text', now(), now() + interval '2 days'),
           (300 + $number, $number, NULL, 100 + $number, NULL, '$text', now(), now() + interval '2 days'),
           (400 + $number, $number, NULL, NULL, '$text', '$text', now() + interval '1 day', now() + interval '2 days');
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (100 + $number, 200 + $number), (200 + $number, 300 + $number);
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, cause_incident_id, began_at)
    VALUES (100 + $number, 200 + $number, 200 + $number, now());
INSERT INTO pulsimo.incident_endpoints (incident_id, endpoint_id) VALUES (100 + $number, 200 + $number);
INSERT INTO pulsimo.incident_assignees (incident_id, user_id) VALUES (100 + $number, 10 + $number);
INSERT INTO pulsimo.incident_notes (id, incident_id, author_id, body) OVERRIDING SYSTEM VALUE
    VALUES (100 + $number, 100 + $number, 10 + $number, '$text'), (200 + $number, 200 + $number, 30 + $number, '$text');
INSERT INTO pulsimo.incident_links (incident_id, link, other_id) VALUES (100 + $number, 'caused_by', 200 + $number);
INSERT INTO pulsimo.incident_excerpts (incident_id, checked_at, excerpt) VALUES (100 + $number, now(), '{"body": "$text"}');
INSERT INTO pulsimo.postmortems (incident_id, summary, root_cause, lessons) VALUES (100 + $number, '$text', '$text', '$text');
INSERT INTO pulsimo.action_items (id, incident_id, title, owner_id) OVERRIDING SYSTEM VALUE
    VALUES (100 + $number, 100 + $number, '$text', 10 + $number);
INSERT INTO pulsimo.deployments (id, organization_id, project_id, service, version, deployed_at) OVERRIDING SYSTEM VALUE
    VALUES (100 + $number, $number, NULL, '$text', '$text', now()), (200 + $number, $number, 10 + $number, '$text', '$text', now());
INSERT INTO pulsimo.response_goals (organization_id, severity, resolve_within) VALUES ($number, 'high', '1 hour');
INSERT INTO pulsimo.audit_log (organization_id, user_id, account_id, action, object_type, object_id, application, before, after,
                               detail)
    SELECT o.id, 10 * a.n + $number, 10 * b.n + $number, 'update', 'endpoints', 100 + $number, '$text', '{"name": "$text"}',
           '{"name": "$text"}', '$text'
    FROM (VALUES (1), (2), (3), (4), (NULL)) AS a (n), (VALUES (1), (3), (NULL)) AS b (n), (VALUES ($number), (NULL)) AS o (id);
SQL
}

$node->safe_psql('postgres', join '', 'SELECT pulsimo.stop();',
    'SELECT pulsimo.ensure_partitions(current_date - 1, current_date + 1);', fill(1, 'open'), fill(2, $word));
# Partitions are readable by themselves, as GRANT SELECT ON ALL TABLES makes them.
$node->safe_psql('postgres', <<"SQL");
ALTER TABLE pulsimo.endpoints ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.users ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.projects ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.api_keys ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.secrets ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.incidents ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.maintenance_windows ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.incident_notes ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.action_items ALTER id RESTART WITH 5000;
ALTER TABLE pulsimo.deployments ALTER id RESTART WITH 5000;
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
    IF token LIKE 'pul\\_%' THEN
        PERFORM pulsimo.use_api_key(token);
    ELSIF token <> '' THEN
        PERFORM pulsimo.use_session(token);
    END IF;
    IF statement ~ '^DECLARE' THEN
        EXECUTE statement;
        FOR line IN EXECUTE 'FETCH ' || CASE WHEN statement ~ '-- then' THEN 'NEXT' ELSE 'ALL' END || ' FROM of_attempt' LOOP
            shown := shown || line::text || E'\\n';
        END LOOP;
        statement := substring(statement FROM '-- then (.*)');
        IF statement IS NULL THEN
            RETURN shown;
        END IF;
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

# A digest of everything of an organization. What is not there is not in it, so it must not be that of nothing.
sub all_of {
    my ($number, $text) = @_;
    my $of_endpoint = "(SELECT e.id FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id"
      . " WHERE p.organization_id = $number)";
    my $of_incident = "(SELECT i.id FROM pulsimo.incidents i WHERE i.organization_id = $number)";
    my $of_project = "(SELECT p.id FROM pulsimo.projects p WHERE p.organization_id = $number)";
    my $of_user = "(SELECT u.id FROM pulsimo.users u WHERE u.email LIKE '%$text%')";
    my %rows = (
        organizations => "id = $number", secrets => "organization_id = $number",
        audit_log => "organization_id = $number OR user_id IN $of_user OR account_id IN $of_user OR detail LIKE '%$text%'",
        users => "id IN $of_user",
        (map { $_ => "organization_id = $number" } qw(projects memberships invitations incidents incident_numbers
            maintenance_windows deployments response_goals)),
        project_members => "project_id IN $of_project", endpoints => "project_id IN $of_project",
        (map { $_ => "user_id IN $of_user" } qw(user_sessions passwords api_keys one_time_passwords recovery_codes)),
        (map { $_ => "endpoint_id IN $of_endpoint" } qw(health_checks state_changes certificates dependencies suppressions)),
        (map { $_ => "incident_id IN $of_incident" } qw(incident_events outbox incident_endpoints incident_assignees
            incident_notes incident_links incident_excerpts postmortems action_items)),
    );
    return $node->safe_psql('postgres', join(' UNION ALL ', map {
        "SELECT '$_', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM pulsimo.$_ t WHERE $rows{$_}"
    } sort keys %rows));
}

# --- statements -----------------------------------------------------------------------------------------------------------

sub one_of { return $_[ int rand @_ ] }

my @relations = split /\n/, $node->safe_psql('postgres', q{SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')});
my @columns = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q{SELECT a.attrelid::regclass, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0});
# Every function of the extension, with the types of its arguments; not those that would stop the test itself, or that
# ask for a password: each takes the memory and the time of Argon2, and counts as an attempt to sign in.
my @functions = map { [ split /\|/, $_, 2 ] } split /\n/, $node->safe_psql('postgres', q{
    SELECT p.oid::regproc, (SELECT coalesce(string_agg(format_type(t, NULL), '|' ORDER BY o), '')
                            FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, o))
    FROM pg_proc p WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.prorettype <> 'trigger'::regtype
        AND p.proname NOT IN ('sign_in', 'sign_in_as_owner', 'hash_password', 'password_matches', 'check_password',
                              'check_now', 'change_password', 'change_password_as_owner', 'is_sign_in_locked',
                              'note_sign_in',
                              'begin_one_time_passwords', 'begin_one_time_passwords_as_owner',
                              'end_one_time_passwords', 'end_one_time_passwords_as_owner',
                              'revoke_sessions', 'revoke_sessions_as_owner')});

my @ids = (1, 2, 11, 12, 22, 12, 32, 42, 101, 102, 202, 302, 102, $absent, -1, 0);
my @texts = ("'", "''", "x'; DELETE FROM pulsimo.endpoints; --", "' OR true --", '$$', '%s', '\\', 'open', 'a@b.example',
    'a_viewer', 'pus_x', 'pul_x', '{}', 'endpoints.change', 'project.view', 'secrets.change', 'audit.view',
    'pulsimo.endpoints', '10.0.0.0/8');

sub literal {
    my ($type) = @_;
    return 'NULL' if rand() < 0.05;
    return one_of(@ids) if $type =~ /^(bigint|integer)$/;
    return one_of('true', 'false') if $type eq 'boolean';
    return one_of(q{'{2,102,202}'}, q{'{}'}) . "::$type" if $type =~ /bigint\[\]/;
    return one_of(q{'{}'}, q{'{all}'}, q{'{read,endpoints.change}'}, q{'{127.0.0.1}'}) . "::$type" if $type eq 'text[]';
    return q{'{}'} . "::$type" if $type =~ /\[\]$/;
    return q{'\\x00'::bytea} if $type eq 'bytea';
    return one_of("'{}'", "'[]'", q{'{"project": 12}'}, q{'{"project": 12, "name": "x"}'}, q{'[{"endpoint_id": 102}]'},
        q{'{"auth": {"bearer": {"secret": "open 1"}}}'}, q{'{"auth": {"bearer": {"secret": "x"}}}'}) . '::jsonb'
      if $type eq 'jsonb';
    return one_of("'1 s'", "'1 day'", "'-1 s'") . '::interval' if $type eq 'interval';
    return 'now()' if $type =~ /^timestamp/;
    return 'current_date' if $type eq 'date';
    return one_of("'viewer'", "'owner'") . "::$type" if $type =~ /_role$/;
    return "'active'::$type" if $type =~ /user_status/;
    return one_of("'high'", "'low'") . "::$type" if $type =~ /severity|priority/;
    return one_of("'caused_by'", "'duplicate_of'") . "::$type" if $type eq 'pulsimo.incident_link';
    return one_of("'strong'", "'weak'") . "::$type" if $type =~ /dependency_kind/;
    return "'open'::$type" if $type eq 'pulsimo.incident_status';
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
    # Of some tables only columns can be read.
    column => sub {
        my ($relation, $column) = @{ one_of(@columns) };
        return "SELECT $column FROM $relation WHERE " . condition($relation);
    },
    # FETCH ALL, or of one row and a change of it (see attempt()).
    cursor => sub {
        my ($relation, $column) = @{ one_of(@columns) };
        my $declare = 'DECLARE of_attempt ' . one_of('', 'SCROLL ', 'INSENSITIVE ') . "CURSOR FOR SELECT $column FROM $relation WHERE "
          . condition($relation);
        return $declare . one_of('', ' FOR UPDATE', "-- then UPDATE $relation SET $column = $column WHERE CURRENT OF of_attempt",
            "-- then DELETE FROM $relation WHERE CURRENT OF of_attempt");
    },
    audit => sub {
        my $id = one_of(@ids);
        return 'SELECT * FROM pulsimo.search_audit(' . one_of('', "organization => $id", "user_id => $id", "object_id => $id",
            "contains => 'h'", "object_type => 'endpoints'", "result => 'done'", "at_most => $id") . ')';
    },
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

# Whoever is no role of their own comes through the pool, and shows a token first.
my %token = (
    pool => $node->safe_psql('postgres', "SELECT pulsimo.sign_in('open2\@open.example', '$password')",
        extra_params => [ '-U', 'pool' ]),
    map { ("key_$_" => $node->safe_psql('postgres', "SELECT pulsimo.create_api_key('key_$_', '{$_}', '1 day', 11)")) }
      qw(all read),
);
my $before = all_of(2, $word);
my @nothing = map { /^(\w+)\|0\|/ ? $1 : () } split /\n/, $before;
is("@nothing", 'passwords', 'there is something of B in every table');
my $state = $node->safe_psql('postgres', 'SELECT running FROM pulsimo.state');

# Runs statements as somebody, each in a transaction of its own, and returns what they showed.
sub attempt_all {
    my ($who, @statements) = @_;
    my $of_who = $token{$who} // '';
    my $n = 0;
    my $script = join "\n", map { "\\echo === $n\nSELECT public.attempt(\$statement\$$_\$statement\$, '$of_who');" . ($n++ x 0) }
      @statements;
    my ($status, $out) = $node->psql('postgres', "SET statement_timeout = '20s';\n$script",
        on_error_stop => 0, extra_params => [ '-U', $token{$who} ? 'pool' : $who ]);
    my (undef, @shown) = split /^=== \d+\n/m, $out;
    s/\s+\z// for @shown;
    return @shown;
}

my (@leaks, @changed, %worked);
my $run = 0;
for my $who (('a_owner', 'a_member', 'a_viewer', 'pool', 'key_all', 'key_read') x 5) {
    my @statements = map { $make{ one_of(@kinds) }->() } 1 .. 340;
    my $own = $who eq 'key_read' ? all_of(1, 'open') : '';
    my @shown = attempt_all($who, @statements);
    push @changed, $own, 'became', all_of(1, 'open') if $own && $own ne all_of(1, 'open');
    $run += @shown;
    for my $k (0 .. $#shown) {
        push @leaks, "$who: $statements[$k]\n$shown[$k]" if $shown[$k] =~ /$trace/;
        $worked{$who}++ if $shown[$k] !~ /^[0-9A-Z]{5} /;
    }
}
cmp_ok($run, '>=', 10_000, 'statements were run');
cmp_ok($worked{$_}, '>', 250, "and many of those of $_ succeed") for sort keys %worked;
is(join("\n", @leaks[0 .. ($#leaks > 4 ? 4 : $#leaks)]), '', 'nothing of B shows');
is(all_of(2, $word), $before, 'nothing of B has changed');
is(join("\n", @changed), '', 'and nothing of A has, by a key that may read');
is($node->safe_psql('postgres', 'SELECT running FROM pulsimo.state'), $state, 'monitoring was neither started nor stopped');

# --- an id of B and one that does not exist ---------------------------------------------------------------------------------

my @differ;
for my $role ('a_owner', 'a_viewer', 'pool', 'key_all') {
    for my $position (1 .. 2) {
        # What is computed from a number alone differs, and tells nothing.
        my @with_id = grep { $_->[0] !~ /next_slot|readable_duration|same_time_words/
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
is(all_of(2, $word), $before, 'and still nothing of B has changed');

# Names of secrets, which a reference could ask for.
for my $who ('a_owner', 'a_member', 'pool', 'key_all') {
    my @answers = attempt_all($who, map {
        qq(SELECT pulsimo.add_endpoint('http://127.0.0.1:1/', project => 11, options => '{"auth": {"bearer": {"secret": "$_"}}}'))
    } "$word 1", 'of nobody', 'open 1');
    s/"(?:$word 1|of nobody)"/"NAME"/ for @answers;
    like($answers[1], qr/^22023 there is no secret "NAME"/, "$who: a secret that does not exist is refused");
    is($answers[0], $answers[1], "$who: one of B is like that");
    like($answers[2], qr/^\(?\d/, "$who: one of A can be referred to");
}

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

# The keeper writes down now what was denied meanwhile.
wait_for_sql($node, 'postgres', q{SELECT count(*) > 0 FROM pulsimo.audit_log WHERE result = 'denied'}, 't');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pulsimo.audit_log WHERE result = 'denied' AND organization_id = 2}), '0',
    'what the people of A were denied is in no log of B');

done_testing();
