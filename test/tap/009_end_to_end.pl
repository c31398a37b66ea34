# The main job against real servers: from the URL to the status, the incident, the notification and the uptime.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Monitoring;
use PulsimoTest::TlsTarget;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = new_pulsimo_node('main');
my $target = start_target();
my $tls = PulsimoTest::TlsTarget->start('Pulsimo Test');
my $old_tls = PulsimoTest::TlsTarget->start('Pulsimo Test', '-tls1_1');

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }

sub status_of {
    my ($id) = @_;
    return "SELECT status FROM pulsimo.endpoint_status WHERE id = $id";
}

# --- an outage ------------------------------------------------------------------------------------------------------

# The next notification that a listening session gets.
sub notification {
    my ($session) = @_;
    my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
    while (time < $deadline) {
        my $said = $session->query('SELECT 1');
        return $1 if $said =~ /Asynchronous notification "pulsimo" with payload "(.*)" received/;
        usleep(50_000);
    }
    return 'none';
}

# The notification names a row of the outbox that tells of the incident.
sub is_announced {
    my ($session, $topic, $incident) = @_;
    my $payload = notification($session);
    like($payload, qr/\A\{"outbox":\[\d+\]\}\z/, "a listener hears of an outbox row: $topic");
    my ($row) = $payload =~ /(\d+)/;
    my $columns = "topic, incident_id, payload ->> 'endpoint', payload ->> 'incident_id'";
    is(ask("SELECT $columns FROM pulsimo.outbox WHERE id = " . ($row // 0)), "$topic|$incident|shop|$incident",
        "the row says what happened: $topic");
    return;
}

# Which of the failed checks the incident was written with, told by the transaction that wrote them.
sub opens_with_the_third_failure {
    my ($id, $incident) = @_;
    is(ask(<<"SQL"), 't', 'the incident is written with the third failed check in a row');
SELECT 3 BETWEEN min(f.place) AND max(f.place)
FROM (SELECT h.xmin::text AS writer, row_number() OVER (ORDER BY h.checked_at) AS place
      FROM pulsimo.health_checks h WHERE h.endpoint_id = $id AND h.status = 'down') f
WHERE f.writer = (SELECT i.xmin::text FROM pulsimo.incidents i WHERE i.id = $incident)
SQL
    is(ask(<<"SQL"), '1', 'status, timeline and message are written in the same transaction');
SELECT count(DISTINCT writer) FROM (
    SELECT i.xmin::text FROM pulsimo.incidents i WHERE i.id = $incident
    UNION ALL SELECT s.xmin::text FROM pulsimo.state_changes s WHERE s.endpoint_id = $id AND s.status = 'down'
    UNION ALL SELECT e.xmin::text FROM pulsimo.incident_events e WHERE e.incident_id = $incident AND e.event = 'created'
    UNION ALL SELECT o.xmin::text FROM pulsimo.outbox o WHERE o.incident_id = $incident) w (writer)
SQL
    is(ask(<<"SQL"), 't', 'it began with the first of them');
SELECT i.started_at = min(h.checked_at) AND i.started_at = min(s.changed_at)
FROM pulsimo.incidents i
    JOIN pulsimo.health_checks h ON h.endpoint_id = i.endpoint_id AND h.status = 'down'
    JOIN pulsimo.state_changes s ON s.endpoint_id = i.endpoint_id AND s.status = 'down'
WHERE i.id = $incident GROUP BY i.started_at
SQL
    return;
}

sub tells_the_story {
    my ($id, $incident) = @_;
    is(ask("SELECT event FROM pulsimo.incident_timeline($incident)"), "status\ncreated\nstatus\nfailing_checks\nresolved",
        'the timeline has the whole story in order');
    is(ask(<<"SQL"), 't', 'it ended with the first check that passed');
SELECT i.resolved_at = (SELECT min(h.checked_at) FROM pulsimo.health_checks h
                        WHERE h.endpoint_id = $id AND h.status = 'up' AND h.checked_at > i.started_at)
FROM pulsimo.incidents i WHERE i.id = $incident
SQL
    return;
}

sub adds_up {
    my ($id, $incident) = @_;
    my $window = "(SELECT min(checked_at) - interval '1 hour' AS began, max(checked_at) AS ended"
      . " FROM pulsimo.health_checks WHERE endpoint_id = $id) w";
    is(ask(<<"SQL"), 't', 'the time in all statuses adds up to the window');
SELECT sum(t.duration) = w.ended - w.began
FROM $window, pulsimo.time_in_status($id, w.began, w.ended) t GROUP BY w.ended, w.began
SQL
    is(ask(<<"SQL"), 't|t|t', 'the outage is down time, the hour before the first check is unknown');
SELECT bool_or(t.status = 'down' AND t.duration = i.resolved_at - i.started_at),
       bool_or(t.status = 'unknown' AND t.duration = interval '1 hour'),
       bool_or(t.status = 'up' AND t.duration = w.ended - w.began - interval '1 hour' - (i.resolved_at - i.started_at))
FROM pulsimo.incidents i, $window, pulsimo.time_in_status($id, w.began, w.ended) t WHERE i.id = $incident
SQL
    is(ask(<<"SQL"), 't', 'uptime is the share of up in up and down');
SELECT pulsimo.uptime($id, w.began, w.ended) = trunc(100 * u.up / (u.up + u.down), 4) AND u.down > 0
FROM $window, LATERAL (
    SELECT sum(extract(epoch FROM t.duration)) FILTER (WHERE t.status = 'up') AS up,
           sum(extract(epoch FROM t.duration)) FILTER (WHERE t.status = 'down') AS down
    FROM pulsimo.time_in_status($id, w.began, w.ended) t) u
SQL
    return;
}

sub outage {
    my $listener = start_session($node);
    $listener->query('LISTEN pulsimo');
    my $id = add_endpoint($node, $target->url('/'), name => 'shop', check_interval => '1 s', timeout => '500 ms');
    wait_until(status_of($id), 'up');
    is(ask('SELECT count(*) FROM pulsimo.incidents'), '0', 'no incident while all is well');

    $target->down;
    wait_until(status_of($id), 'down');
    my $incident = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    like($incident, qr/^\d+$/, 'the outage opens an incident');
    opens_with_the_third_failure($id, $incident);
    is_announced($listener, 'incident_opened', $incident);

    $target->up;
    wait_until(status_of($id), 'up');
    is(ask("SELECT status FROM pulsimo.incidents WHERE endpoint_id = $id"), 'resolved', 'the recovery resolves it');
    is_announced($listener, 'incident_resolved', $incident);
    tells_the_story($id, $incident);
    wait_for_new_check($node, 'postgres');
    adds_up($id, $incident);
    ask("SELECT pulsimo.remove_endpoint($id)");
    return;
}

outage();

# --- every kind of result -------------------------------------------------------------------------------------------

# name => [url, options, status, error class, text, http status, timeout]; '' stands for NULL.
sub kinds {
    my $closed = PostgreSQL::Test::Cluster::get_free_port();
    my $metadata = 'http%3A%2F%2F169.254.169.254%2Flatest';
    my $trusted = '"ca_certificate": "' . $tls->certificate =~ s/\n/\\n/gr . '"';
    return (
        'plain answer' => [ $target->url('/'), '{}', 'up', '', '', 200 ],
        'status' => [ $target->url('/status/503'), '{}', 'down', 'status', qr/^unexpected status 503, expected /, 503 ],
        'expected status' => [ $target->url('/status/503'), '{"expected_status": "503"}', 'up', '', '', 503 ],
        'redirects' => [ $target->url('/redirect/3'), '{}', 'up', '', '', 200 ],
        'redirect that is not followed' =>
          [ $target->url('/redirect/1'), '{"follow_redirects": false}', 'down', 'status',
            qr/^unexpected status 302/, 302 ],
        'redirect loop' => [ $target->url('/redirect-loop'), '{"max_redirects": 2}', 'down', 'protocol',
            qr/^more than 2 redirects$/, 302 ],
        'silence' => [ $target->url('/hang'), '{}', 'down', 'timeout',
            qr/^no answer within 300 ms \(waiting for the first byte from 127\.0\.0\.1:\d+\)$/, '', '300 ms' ],
        'stalled body' => [ $target->url('/slow-body/60000'), '{"body_contains": "x"}', 'down', 'timeout',
            qr/^no answer within 300 ms \(reading from /, 200, '300 ms' ],
        'closed port' => [ "http://127.0.0.1:$closed/", '{}', 'down', 'refused',
            qr/^connection refused by 127\.0\.0\.1:$closed$/, '' ],
        'reset' => [ $target->url('/reset'), '{}', 'down', 'reset', qr/^connection reset by 127\.0\.0\.1:/, '' ],
        'address of the wrong family' =>
          [ $target->url('/'), '{"ip_version": "6"}', 'down', 'dns', qr/^127\.0\.0\.1 is not an IPv6 address$/, '' ],
        'blocked network' => [ 'http://169.254.169.254/', '{}', 'down', 'policy',
            qr/^address 169\.254\.169\.254 is in a blocked network$/, '' ],
        'redirect into a blocked network' => [ $target->url("/redirect-to/302/$metadata"), '{}', 'down', 'policy',
            qr/^address 169\.254\.169\.254 is in a blocked network$/, 302 ],
        'body' => [ $target->url('/'), '{"body_contains": "ok"}', 'up', '', '', 200 ],
        'body without the word' =>
          [ $target->url('/'), '{"body_contains": "needle"}', 'down', 'assertion',
            qr/^body does not contain "needle"$/, 200 ],
        'large body' =>
          [ $target->url('/body/100000'), '{"max_body_bytes": 1000, "body_contains": "x"}', 'down', 'too_large',
            qr/^response body exceeds 1000 bytes$/, 200 ],
        'no HTTP' => [ $target->url('/garbage'), '{}', 'down', 'protocol', qr/^bad answer from 127\.0\.0\.1:/, '' ],
        'slow answer' => [ $target->url('/delay/200'), '{"degraded_after": "100 ms"}', 'degraded', '', '', 200 ],
        'self-signed certificate' => [ $tls->url, '{}', 'down', 'certificate', qr/^certificate is self-signed$/, '' ],
        'certificate of a known authority' => [ $tls->url, "{$trusted}", 'up', '', '', 200 ],
        'certificate of another name' =>
          [ $tls->url, "{$trusted, \"server_name\": \"example.org\"}", 'down', 'certificate', qr/^certificate is for .+, not for example\.org$/, '' ],
        'insecure' => [ $tls->url, '{"insecure": true}', 'up', '', '', 200 ],
        'version of TLS that nobody should speak' =>
          [ $old_tls->url, '{}', 'down', 'tls', qr/^TLS handshake with 127\.0\.0\.1:\d+ failed: /, '' ],
    );
}

# The result of one check, asked for now and as it was stored. The interval is long, so that nothing comes between.
sub is_kind {
    my ($kind, $url, $options, $status, $error_class, $text, $http_status, $timeout) = @_;
    my $id = add_endpoint($node, $url, name => $kind, check_interval => '1 day', timeout => $timeout // '20 s',
        options => $options);
    my $columns = 'status, error_class, http_status, checked_at, response_us, error';
    my $answer = ask("SELECT $columns FROM pulsimo.check_now($id, '30 s')");
    my @answer = split /\|/, $answer, 6;
    is(join('|', @answer[0 .. 2]), "$status|$error_class|$http_status", "$kind: status, error class and HTTP status");
    if (ref $text) { like($answer[5], $text, "$kind: a readable reason") }
    else { is($answer[5], '', "$kind: no error") }
    is(ask("SELECT $columns FROM pulsimo.health_checks WHERE endpoint_id = $id AND checked_at = '$answer[3]'"), $answer,
        "$kind: what check_now() returns is what is stored");
    return $id;
}

sub every_kind {
    my %kinds = kinds();
    my %id = map { $_ => is_kind($_, @{ $kinds{$_} }) } sort keys %kinds;
    my $issuers = q{SELECT count(*), max(c.issuer), bool_and(c.expires_at BETWEEN now() AND now() + interval '31 days')
        FROM pulsimo.certificates c WHERE c.endpoint_id = };
    is(ask($issuers . $id{'certificate of a known authority'}), '1|CN = Pulsimo Test|t', 'the certificate is recorded');
    is(ask($issuers . $id{'plain answer'}), '0||', 'plain HTTP has none');
    is(ask(<<'SQL'), '0', 'phases are measured in order, and only those that took place');
SELECT count(*) FROM pulsimo.health_checks h JOIN pulsimo.endpoints e ON e.id = h.endpoint_id
WHERE h.http_status IS NOT NULL AND h.error_class IS NULL
    AND NOT (h.connect_us >= 0 AND h.first_byte_us >= 0 AND h.transfer_us >= 0
             AND (h.tls_us IS NULL) = (e.url LIKE 'http:%')
             AND h.connect_us + coalesce(h.tls_us, 0) + h.first_byte_us + h.transfer_us <= h.response_us)
SQL
    ask('SELECT pulsimo.remove_endpoint(id) FROM pulsimo.endpoints');
    return;
}

# What a name that cannot exist gives depends on this machine: without name servers we cannot blame the name.
sub name_that_does_not_exist {
    my $id = add_endpoint($node, 'http://name.invalid/', check_interval => '1 day', timeout => '20 s');
    like(ask("SELECT status, error_class, error FROM pulsimo.check_now($id, '30 s')"),
        qr/\A(?:down\|dns\|name does not exist: name\.invalid|unknown\|internal\|.*our resolver.*name\.invalid.*)\z/,
        'a name that does not exist, or that nobody can be asked about');
    ask("SELECT pulsimo.remove_endpoint($id)");
    return;
}

sub networks_are_a_setting {
    my $id = add_endpoint($node, $target->url('/'), check_interval => '1 day', timeout => '20 s');
    my $check = "SELECT status, error_class FROM pulsimo.check_now($id, '30 s')";
    is(ask($check), 'up|', 'loopback is allowed by default');
    change_settings($node, 'pulsimo.blocked_networks' => '127.0.0.0/8');
    wait_until($check, 'down|policy');
    change_settings($node, 'pulsimo.allowed_networks' => '127.0.0.1');
    wait_until($check, 'up|');
    change_settings($node, 'pulsimo.blocked_networks' => undef, 'pulsimo.allowed_networks' => undef);
    ask("SELECT pulsimo.remove_endpoint($id)");
    return;
}

every_kind();
name_that_does_not_exist();
networks_are_a_setting();

# --- pause, resume, remove ------------------------------------------------------------------------------------------

sub pause_resume_remove {
    my %how = (check_interval => '1 s', timeout => '500 ms', failure_threshold => 1);
    my $other = add_endpoint($node, $target->url('/'), name => 'other', %how);
    my $id = add_endpoint($node, $target->url('/status/500'), name => 'failing', %how);
    wait_until(status_of($id), 'down');

    ask("SELECT pulsimo.pause_endpoint($id)");
    is(ask(status_of($id)), 'paused', 'a paused endpoint says so at once');
    my $check = "SELECT pulsimo.check_now($id)";
    like(psql_says($node, 'postgres', $check), qr/ERROR:  55000: .*\n.*HINT: /, 'it cannot be checked');
    wait_for_checks($node, 'postgres', $other, 1);    # a check that was under way may still arrive
    my $count = "SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $id";
    my $before = ask($count);
    wait_for_checks($node, 'postgres', $other, 3);
    is(ask($count), $before, 'it is not checked while others are');
    is(ask("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id"), '1', 'its incident stays open');

    ask("SELECT pulsimo.resume_endpoint($id)");
    wait_until(status_of($id), 'down');
    cmp_ok(ask($count), '>', $before, 'it is checked again after resume_endpoint()');
    is(ask("SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.state_changes WHERE endpoint_id = $id"),
        'down paused unknown down', 'the history tells of the pause');
    is(ask("SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $id"), '1', 'the incident is still the same');

    my $incident = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    ask("SELECT pulsimo.remove_endpoint($id)");
    is(ask("SELECT status, endpoint_id FROM pulsimo.incidents WHERE id = $incident"), 'resolved|',
        'removing resolves the incident');
    is(ask("SELECT detail FROM pulsimo.incident_events WHERE incident_id = $incident AND event = 'resolved'"),
        'the endpoint was removed', 'and says why');
    like(psql_says($node, 'postgres', $check), qr/ERROR:  P0002: .*\n.*HINT: /, 'it is unknown now');
    $before = ask($count);
    wait_for_checks($node, 'postgres', $other, 3);
    is(ask($count), $before, 'and not checked any more');
    ask("SELECT pulsimo.remove_endpoint($other)");
    return;
}

pause_resume_remove();

# --- several probers ------------------------------------------------------------------------------------------------

sub history_is_sound {
    my ($probers, @ids) = @_;
    my $endpoints = @ids;
    change_settings($node, 'pulsimo.probers' => $probers);
    wait_until(<<'SQL', "$probers|$endpoints|t");
SELECT count(*), sum(endpoints), bool_and(endpoints > 0) FROM pulsimo.worker_status WHERE role = 'prober'
SQL
    my $since = ask('SELECT clock_timestamp()');
    my $new = "FROM pulsimo.health_checks WHERE checked_at > '$since'";
    wait_until("SELECT count(*) FROM (SELECT endpoint_id $new GROUP BY endpoint_id HAVING count(*) >= 4) e",
        $endpoints);
    pass("$probers probers check every endpoint");
    is(ask(<<'SQL'), '0', "$probers probers: no check is stored twice");
SELECT count(*) FROM (SELECT FROM pulsimo.health_checks GROUP BY endpoint_id, checked_at HAVING count(*) > 1) d
SQL
    # Partitions are only appended to, so the place of a row tells when it was written.
    is(ask(<<"SQL"), '0', "$probers probers: results are written in the order of their checks");
SELECT count(*) FROM (
    SELECT checked_at <= lag(checked_at) OVER (PARTITION BY tableoid, endpoint_id ORDER BY ctid) AS wrong $new) o
WHERE o.wrong
SQL
    is(ask("SELECT count(*) FROM pulsimo.endpoint_status WHERE status <> 'up'"), '0', "$probers probers: all are up");
    return;
}

sub several_probers {
    my %how = (check_interval => '1 s', timeout => '900 ms');
    my @ids = map { add_endpoint($node, $target->url('/'), name => "many $_", %how) } 1 .. 40;
    history_is_sound($_, @ids) for 2, 4, 1;
    return;
}

several_probers();
done_testing();
