# shellcheck shell=bash disable=SC2154  # pg_config, place, programs and bin are scripts/bench's
# The rows of scripts/bench, which sources this: how each figure comes about.
#
# Probes of one second apart, as many as the row needs, against static_target. Rates and latencies are computed from the
# rows that were committed and from what the target and a listening client wrote down, never from our own counters.
# CPU time is the kernel's account of each process (schedstat); that of children that have ended is in the postmaster's.

running=100  # transfers at a time, ours and the baseline's

# --- tools ------------------------------------------------------------------------------------------------------------

# CPU microseconds of processes, so far.
cpu_of() {
    local pid sum=0 ns
    for pid; do
        read -r ns _ 2>/dev/null <"/proc/$pid/schedstat" || ns=0
        sum=$((sum + ns / 1000))
    done
    echo $sum
}

# Of the whole cluster, children that have ended included.
cluster_cpu() {
    local ended
    ended=$(awk -v tick="$(getconf CLK_TCK)" '{ printf "%d", ($16 + $17) * 1000000 / tick }' "/proc/$postmaster/stat")
    # shellcheck disable=SC2046
    echo $((ended + $(cpu_of "$postmaster" $(pgrep -P "$postmaster"))))
}

worker_pid() { pgrep -P "$postmaster" -f "pulsimo $1" | head -n1; }

fresh_extension() { run 'DROP EXTENSION IF EXISTS pulsimo CASCADE; CREATE EXTENSION pulsimo'; }

# add_endpoints COUNT INTERVAL URL [OPTIONS]: %s in URL becomes the number of the endpoint, which is its name too.
add_endpoints() {
    run "INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout, failure_threshold, options)
         SELECT p, n, replace('$3', '%s', n::text), '$2', least('$2'::interval, '10 s'), 1, '${4:-{\}}'
         FROM pulsimo.default_project() AS p, generate_series(1, $1) AS n"
}

# Waits until the probers have made so many checks.
wait_for_checks() {
    wait_until_true "SELECT coalesce(sum(checks), 0) >= $1 FROM pulsimo.worker_stats() WHERE role = 'prober'"
}

# window SECONDS: leaves when it began and ended, and what the cluster and the workers used meanwhile, in from, to, used
# and used_workers.
window() {
    local cluster workers workers_pids
    workers_pids=$(worker_pid keeper; pgrep -P "$postmaster" -f 'pulsimo prober')
    from=$(date +%s.%6N) cluster=$(cluster_cpu)
    # shellcheck disable=SC2086
    workers=$(cpu_of $workers_pids)
    pause "$1"
    # shellcheck disable=SC2086
    used_workers=$(($(cpu_of $workers_pids) - workers))
    used=$(($(cluster_cpu) - cluster)) to=$(date +%s.%6N)
}

# The same beside wakeup_latency, whose milliseconds are left in wakeup_p50 and wakeup_p99: the baseline of latencies.
window_with_latency() {
    local p50 p99 meter
    as_server_user "$programs/wakeup_latency" "$1" >"$place/wakeup" &
    meter=$!
    window "$1"
    wait $meter
    read -r p50 p99 <"$place/wakeup"
    wakeup_p50=$(ratio "$p50" 1000 2) wakeup_p99=$(ratio "$p99" 1000 2)
}

# The rows of the last window, and those of them that are no success.
count_window() {
    read -r count failed < <(sql "SELECT count(*), count(*) FILTER (WHERE c.status <> 'up')
        FROM pulsimo.health_checks c WHERE $(in_window)" | tr '|' ' ')
}

in_window() { echo "c.checked_at >= to_timestamp($from) AND c.checked_at < to_timestamp($to)"; }

# set_setting NAME VALUE
set_setting() {
    run "ALTER SYSTEM SET $1 = '$2'"
    run 'SELECT pg_reload_conf()'
}

# --- P1, P5, P8: as many as it can --------------------------------------------------------------------------------------

# bare URL SECONDS CA_FILE: the baseline. Adds to bare_requests, bare_seconds and bare_used.
bare() {
    local requests failures seconds cpu
    read -r requests failures seconds cpu < <(as_server_user "$programs/bare_loop" "$1" "$2" $running ${3:+"$3"})
    [ "$failures" = 0 ] || say "the bare loop itself failed $failures times"
    bare_requests=$((bare_requests + requests)) bare_used=$((bare_used + cpu))
    bare_seconds=$(calculate "$bare_seconds + $seconds" 3)
}

# saturate URL OPTIONS CA_FILE: ours and the bare loop in turns. Leaves rates, CPU microseconds a probe, failures, count.
#
# There are a few more endpoints, one second apart, than the bare loop can serve, and each is allowed to start late: the
# slots that are skipped else would make gaps, and the measurement one of recording gaps.
saturate() {
    local total=0 total_used=0 total_seconds=0
    bare_requests=0 bare_seconds=0 bare_used=0 all_failed=0
    fresh_extension
    set_setting pulsimo.late_limit '60 s'
    bare "$1" 4 "$3"
    add_endpoints "$(calculate "1.1 * $bare_requests / $bare_seconds" 0)" '1 s' "$1" "$2"
    for _ in 1 2; do
        run 'SELECT pulsimo.start()'
        pause 5
        window 8
        run 'SELECT pulsimo.stop()'
        count_window
        total=$((total + count)) all_failed=$((all_failed + failed)) total_used=$((total_used + used))
        total_seconds=$(calculate "$total_seconds + $to - $from" 3)
        pause 1
        bare "$1" 6 "$3"
    done
    set_setting pulsimo.late_limit '1 s'
    all_count=$total
    rate=$(ratio $total "$total_seconds" 0) bare_rate=$(ratio $bare_requests "$bare_seconds" 0)
    cpu_each=$(ratio $total_used $total 1) bare_cpu_each=$(ratio $bare_used $bare_requests 1)
}

row_saturation() {
    start_target plain
    saturate "http://127.0.0.1:$target_port/" '{}' ''
    report P1 'durable probes' "$rate" 1/s "$bare_rate" "$(ratio "$rate" "$bare_rate")" '>= 0.90' "$all_count"
    report P1 'CPU a probe, all of PostgreSQL included' "$cpu_each" us "$bare_cpu_each" \
        "$(ratio "$cpu_each" "$bare_cpu_each")" '<= 1.15' "$all_count"
    report P1 'false failures' "$all_failed" probes - - '<= 0' "$all_count"
    if wanted P5; then row_size; fi
    if wanted P1; then row_probers; fi
    end_child "$target_pid"
}

# Many probers against one, with more endpoints than any number of them can serve here; not many more, or what comes too
# late makes gaps.
row_probers() {
    local probers one=''
    add_endpoints "$(sql 'SELECT count(*) * 55 / 100 FROM pulsimo.endpoints')" '1 s' "http://127.0.0.1:$target_port/"
    set_setting pulsimo.late_limit '60 s'
    for probers in 1 2 4; do
        set_setting pulsimo.probers $probers
        run 'SELECT pulsimo.start()'
        pause 4
        window 6
        run 'SELECT pulsimo.stop()'
        count_window
        rate=$(ratio "$count" "$(calculate "$to - $from" 3)" 0)
        : "${one:=$rate}"
        report P1 "durable probes with more to do, probers: $probers" "$rate" 1/s "$one" "$(ratio "$rate" "$one")" - "$count"
        report P1 "false failures, probers: $probers" "$failed" probes - - '<= 0' "$count"
    done
    set_setting pulsimo.late_limit '1 s'
    set_setting pulsimo.probers 1
}

# What the rows that were just written take, and the same rows in a plain table with the same index.
row_size() {
    local bytes plain
    bytes=$(sql "SELECT round(sum(pg_total_relation_size(inhrelid))::numeric / (SELECT count(*) FROM pulsimo.health_checks), 1)
                 FROM pg_inherits WHERE inhparent = 'pulsimo.health_checks'::regclass")
    run 'CREATE TABLE plain (endpoint_id bigint, checked_at timestamptz, status text, response_us int, error text);
         CREATE INDEX ON plain (endpoint_id, checked_at);
         INSERT INTO plain SELECT endpoint_id, checked_at, status, response_us, error FROM pulsimo.health_checks'
    plain=$(sql "SELECT round(pg_total_relation_size('plain')::numeric / count(*), 1) FROM plain")
    report P5 'bytes a check with its index, as written' "$bytes" bytes "$plain" "$(ratio "$bytes" "$plain")" - \
        "$(sql 'SELECT count(*) FROM plain')"
    run 'DROP TABLE plain'
}

row_tls() {
    as_server_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout "$place/key.pem" -out "$place/certificate.pem" 2>/dev/null
    start_target tls --tls "$place/certificate.pem" "$place/key.pem"
    local pem
    pem=$(awk '{ printf "%s\\n", $0 }' "$place/certificate.pem")
    saturate "https://127.0.0.1:$target_port/" "{\"ca_certificate\": \"$pem\"}" "$place/certificate.pem"
    report P8 'durable probes over TLS 1.3, full handshakes' "$rate" 1/s "$bare_rate" "$(ratio "$rate" "$bare_rate")" \
        '>= 0.90' "$all_count"
    report P8 'CPU a probe over TLS, all of PostgreSQL included' "$cpu_each" us "$bare_cpu_each" \
        "$(ratio "$cpu_each" "$bare_cpu_each")" - "$all_count"
    report P8 'false failures' "$all_failed" probes - - '<= 0' "$all_count"
    end_child "$target_pid"
}

# --- P2, P7: as many endpoints ------------------------------------------------------------------------------------------

# When a check was due is a pure function of endpoint, interval and clock, so how late it began is what its time is past
# the slot before. (The two clocks behind that differ by some microseconds, so a check may seem to begin just before.)
report_lateness() {
    local endpoints=$1 interval=$2 aim=$3 p50 p99 worst
    read -r p50 p99 worst n < <(sql "
        SELECT round(percentile_disc(0.5) WITHIN GROUP (ORDER BY l) / 1000, 2),
               round(percentile_disc(0.99) WITHIN GROUP (ORDER BY l) / 1000, 2), round(max(l) / 1000, 2), count(*)
        FROM (SELECT s.since_slot - CASE WHEN s.since_slot > s.interval_us / 2 THEN s.interval_us ELSE 0 END AS l
              FROM (SELECT mod(extract(epoch FROM c.checked_at - pulsimo.next_slot(e.id, e.check_interval)) * 1000000
                               + 1000 * i.interval_us, i.interval_us) AS since_slot, i.interval_us
                    FROM pulsimo.health_checks c JOIN pulsimo.endpoints e ON e.id = c.endpoint_id,
                        LATERAL (SELECT 1000000 * extract(epoch FROM e.check_interval) AS interval_us) i
                    WHERE $(in_window)) s) AS late" | tr '|' ' ')
    report P2 "start lateness, $endpoints every $interval, p50" "$p50" ms "$wakeup_p50" - - "$n"
    report P2 "start lateness, $endpoints every $interval, p99" "$p99" ms "$wakeup_p99" - "<= $aim" "$n"
    report P2 "start lateness, $endpoints every $interval, worst" "$worst" ms - - - "$n"
    report P2 "starts that were skipped, $endpoints every $interval" "$skipped" starts - - '<= 0' "$n"
}

# Resident bytes of keeper and prober that are their own: without the shared buffers that they happen to have touched.
worker_memory() {
    local pid sum=0 kilobytes
    for pid in $(worker_pid keeper) $(worker_pid prober); do
        kilobytes=$(as_root awk '/^Pss_Anon/ { print $2 }' "/proc/$pid/smaps_rollup")
        sum=$((sum + kilobytes * 1024))
    done
    echo $sum
}

# scale COUNT INTERVAL SECONDS: that many endpoints, watched for a while, each with a check behind it.
scale() {
    fresh_extension
    add_endpoints "$1" "$2" "http://127.0.0.1:$target_port/%s"
    run "SELECT pulsimo.start();
         INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
             SELECT id, now(), 'up', 'unknown' FROM pulsimo.endpoints;
         INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
             SELECT id, now(), 'up', 1 FROM pulsimo.endpoints"
    wait_until_true "SELECT coalesce(sum(endpoints), 0) = $1 FROM pulsimo.worker_stats() WHERE role = 'prober'"
    pause 2
    window_with_latency "$3"
    count_window
    memory=$(worker_memory)
    skipped=$(sql "SELECT sum(skipped) FROM pulsimo.worker_stats() WHERE role = 'prober'")
    cpu_each=$(ratio $used_workers "$count" 1)
}

row_scale() {
    local small_memory first_cpu
    start_target plain
    scale 1000 '1 s' 10
    small_memory=$memory first_cpu=$cpu_each
    report P7 'CPU a probe of prober and keeper, 1 000 endpoints' "$first_cpu" us - - - "$count"
    scale 10000 '10 s' 20
    report P7 'CPU a probe of prober and keeper, 10 000 endpoints' "$cpu_each" us "$first_cpu" \
        "$(ratio "$cpu_each" "$first_cpu")" '<= 1.1' "$count"
    report_lateness '10 000' '10 s' 5
    scale 100000 '60 s' 60
    report P7 'CPU a probe of prober and keeper, 100 000 endpoints' "$cpu_each" us "$first_cpu" \
        "$(ratio "$cpu_each" "$first_cpu")" '<= 1.1' "$count"
    report P7 'resident memory of an idle endpoint' "$(calculate "($memory - $small_memory) / 99000" 0)" bytes - - '<= 1024' 99000
    report_lateness '100 000' '60 s' 20
    end_child "$target_pid"
}

# --- P3: how well it measures ---------------------------------------------------------------------------------------------

# load_log NAME: what the target NAME wrote down, as table answers. Ends the target.
load_log() {
    end_child "$target_pid"
    run 'DROP TABLE IF EXISTS answers; CREATE TABLE answers (n int, sent_us bigint, open_us bigint, status int)'
    run "COPY answers FROM '$place/$1.answers'"
}

row_accuracy() {
    local p50 p99
    start_target holding --log "$place/holding.answers"
    fresh_extension
    run 'SELECT pulsimo.start()'
    add_endpoints 1000 '1 s' "http://127.0.0.1:$target_port/hold/20000/%s"
    wait_for_checks 3000
    window_with_latency 10
    run 'SELECT pulsimo.stop()'
    load_log holding
    read -r p50 p99 n < <(sql "
        SELECT round((percentile_disc(0.5) WITHIN GROUP (ORDER BY error_us))::numeric / 1000, 3),
               round((percentile_disc(0.99) WITHIN GROUP (ORDER BY error_us))::numeric / 1000, 3), count(*)
        FROM (SELECT abs(c.response_us - a.open_us) AS error_us
              FROM pulsimo.health_checks c JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
                  JOIN answers a ON a.n = e.name::int
                      AND a.sent_us - extract(epoch FROM c.checked_at) * 1000000 BETWEEN 0 AND 500000
              WHERE $(in_window)) AS measured" | tr '|' ' ')
    report P3 'response time, measured minus true, p50' "$p50" ms "$wakeup_p50" - - "$n"
    report P3 'response time, measured minus true, p99' "$p99" ms "$wakeup_p99" - '<= 0.5' "$n"
}

# --- P4: how soon somebody knows --------------------------------------------------------------------------------------------

row_alarm() {
    local n unheard clock
    start_target flipping --log "$place/flipping.answers"
    fresh_extension
    as_server_user "$programs/notification_clock" "host=$place user=postgres dbname=bench" >"$place/heard" &
    clock=$!
    children+=("$clock")
    until grep -q listening "$place/heard"; do sleep 0.05; done
    run 'SELECT pulsimo.start()'
    add_endpoints 20 '1 s' "http://127.0.0.1:$target_port/flip/%s"
    run 'UPDATE pulsimo.endpoints SET flap_start = 0'  # or what flips all the time would have one incident
    add_endpoints 500 '1 s' "http://127.0.0.1:$target_port/"
    pause 2
    commit_latency 23
    run 'SELECT pulsimo.stop()'
    load_log flipping
    end_child "$clock"
    sed -i 1d "$place/heard"
    run "CREATE TABLE heard (at_us bigint, payload jsonb); COPY heard FROM '$place/heard'"
    run "CREATE TABLE alarms AS
        SELECT a.sent_us, h.at_us AS heard_us, extract(epoch FROM o.created_at) * 1000000 AS began_us,
               extract(epoch FROM c.checked_at) * 1000000 + c.response_us AS seen_us
        FROM (SELECT n, sent_us, row_number() OVER (PARTITION BY n ORDER BY sent_us) AS place
              FROM answers WHERE status = 503 AND sent_us < (SELECT max(sent_us) - 1000000 FROM answers)) a
            LEFT JOIN (SELECT e.name::int AS n, i.id, row_number() OVER (PARTITION BY e.id ORDER BY i.id) AS place
                  FROM pulsimo.incidents i JOIN pulsimo.endpoints e ON e.id = i.endpoint_id AND e.url LIKE '%/flip/%')
                i USING (n, place)
            LEFT JOIN pulsimo.outbox o ON o.incident_id = i.id AND o.topic = 'incident_opened'
            LEFT JOIN pulsimo.endpoints e ON e.name = a.n::text AND e.url LIKE '%/flip/%'
            LEFT JOIN pulsimo.health_checks c ON c.endpoint_id = e.id AND c.status = 'down'
                AND a.sent_us - extract(epoch FROM c.checked_at) * 1000000 BETWEEN 0 AND 500000
            LEFT JOIN LATERAL (SELECT min(at_us) AS at_us FROM heard WHERE payload -> 'outbox' @> to_jsonb(o.id)) h ON true"
    read -r n unheard < <(sql 'SELECT count(heard_us), count(*) - count(heard_us) FROM alarms' | tr '|' ' ')
    report_alarm 'failing answer to notification received' 'heard_us - sent_us' '<= 20'
    report_alarm '... of it until the probe saw the answer' 'seen_us - sent_us' -
    report_alarm '... from there until the transaction began' 'began_us - seen_us' -
    report_alarm '... from there until it was committed and heard' 'heard_us - began_us' - "$commit_p50" "$commit_p99"
    run 'DROP TABLE heard, alarms'
    report P4 'failing answers that nobody heard of' "$unheard" answers - - '<= 0' "$n"
}

# commit_latency SECONDS: leaves what a session waits for the commit of one row, ten times a second, in commit_p50 and
# commit_p99 (milliseconds): the baseline of everything that ends with a commit.
commit_latency() {
    run 'CREATE TABLE commits (at timestamptz)'
    echo 'INSERT INTO commits VALUES (now())' >"$place/commit.sql"
    as_server_user "$bin/pgbench" -h "$place" -U postgres -n -f "$place/commit.sql" -R 10 -T "$1" -l \
        --log-prefix "$place/commit" bench >/dev/null 2>&1 &
    wait $!
    # Of a transaction: its latency since its slot, less how late it began.
    read -r commit_p50 commit_p99 < <(cat "$place"/commit.*[0-9] | awk '{ print $3 - $7 }' | sort -n |
        awk '{ us[NR] = $1 } END { printf "%.2f %.2f\n", us[int(NR * 0.5 + 1)] / 1000, us[int(NR * 0.99 + 1)] / 1000 }')
    run 'DROP TABLE commits'
}

# report_alarm NAME MICROSECONDS AIM [BASELINE_P50 BASELINE_P99]: the aim is that of the p99.
report_alarm() {
    local p50 p99
    read -r p50 p99 < <(sql "SELECT round((percentile_disc(0.5) WITHIN GROUP (ORDER BY $2))::numeric / 1000, 2),
        round((percentile_disc(0.99) WITHIN GROUP (ORDER BY $2))::numeric / 1000, 2) FROM alarms" | tr '|' ' ')
    report P4 "$1, p50" "$p50" ms "${4:--}" - - "$n"
    report P4 "$1, p99" "$p99" ms "${5:--}" - "$3" "$n"
}

# --- G1, G3: a good guest ---------------------------------------------------------------------------------------------------

# Leaves transactions per second in tps.
run_pgbench() {
    tps=$(as_server_user "$bin/pgbench" -h "$place" -U postgres -N -n -c "$(nproc)" -j "$(nproc)" -T "$1" bench 2>/dev/null |
        awk '/^tps/ { print $3 }')
}

row_guest() {
    local alone=0 together=0 share=0 begin
    start_target plain
    as_server_user "$bin/pgbench" -h "$place" -U postgres -i -q -s 50 bench 2>/dev/null
    fresh_extension
    add_endpoints 1000 '1 s' "http://127.0.0.1:$target_port/"
    for _ in 1 2; do
        run CHECKPOINT
        run_pgbench 15
        alone=$(calculate "$alone + $tps / 2")
        run 'CHECKPOINT; SELECT pulsimo.start()'
        pause 2
        begin=$(cpu_of "$target_pid")
        run_pgbench 15
        share=$(calculate "$share + ($(cpu_of "$target_pid") - $begin) / 15e6 / $(nproc) / 2" 4)
        together=$(calculate "$together + $tps / 2")
        run 'SELECT pulsimo.stop()'
    done
    report G1 'pgbench beside 1000 probes/s' "$together" tps "$alone" \
        "$(calculate "$together / $alone / (1 - $share)" 3)" '>= 0.95' 2
    report G1 'share of the machine that the web server used' "$(calculate "100 * $share" 1)" % - - - 2
    end_child "$target_pid"
}

row_idle() {
    local requests cpu each window_s launcher begin statements
    start_target plain
    read -r requests _ _ cpu < <(as_server_user "$programs/bare_loop" "http://127.0.0.1:$target_port/" 15 @16.7)
    each=$(ratio "$cpu" "$requests" 1)
    fresh_extension
    run 'SELECT pulsimo.start()'
    add_endpoints 1000 '60 s' "http://127.0.0.1:$target_port/"
    wait_for_checks 1000
    pause 3
    launcher=$(worker_pid launcher) begin=$(cpu_of "$(worker_pid launcher)")
    window 120
    window_s=$(calculate "$to - $from" 3)
    count_window
    used_workers=$((used_workers + $(cpu_of "$launcher") - begin))
    report G3 'CPU of the workers, 1000 every 60 s' "$(calculate "$used_workers / $window_s / 1e4" 3)" '% of 1' - - - "$count"
    report G3 '... beyond what a bare loop takes at that rate' \
        "$(calculate "($used_workers - $each * $count) / $window_s / 1e4" 3)" '% of 1' - - '<= 0.5' "$count"
    run 'UPDATE pulsimo.endpoints SET paused = true'
    pause 3
    begin=$(sql "SELECT max(state_change) FROM pg_stat_activity WHERE backend_type LIKE 'pulsimo %'")
    used_workers=$(cpu_of "$launcher" "$(worker_pid keeper)" "$(worker_pid prober)")
    pause 15
    used_workers=$(($(cpu_of "$launcher" "$(worker_pid keeper)" "$(worker_pid prober)") - used_workers))
    statements=$(sql "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pulsimo %' AND state_change > '$begin'")
    report G3 'workers that ran a statement in 15 idle seconds' "$statements" workers - - '<= 0' 3
    report G3 'CPU of the workers in 15 idle seconds' "$used_workers" us - - - 3
    end_child "$target_pid"
}

# --- T1: what row security costs a reader -----------------------------------------------------------------------------------

# queries_as ROLE: leaves how many a second in qps.
queries_as() {
    qps=$(as_server_user "$bin/pgbench" -h "$place" -U "$1" -n -f "$place/checks.sql" -T 2 bench 2>/dev/null |
        awk '/^tps/ { print $3 }')
}

row_tenant() {
    local owner=0 tenant=0 query plans
    fresh_extension
    run 'SELECT pulsimo.stop()'
    add_endpoints 50 '10 s' 'http://127.0.0.1:1/'
    run "CREATE ROLE tenant LOGIN;
         SELECT pulsimo.add_user('t@example.org', 'Tenant', o.id, 'viewer', database_role => 'tenant') FROM pulsimo.organizations o;
         SELECT pulsimo.create_partition(current_date);
         INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, http_status)
         SELECT e.id, current_date + n * interval '10 s', 'up', 1000, 200
         FROM generate_series(1, 8000) n, pulsimo.endpoints e ORDER BY n, e.id"
    run 'VACUUM ANALYZE pulsimo.health_checks'
    query="SELECT * FROM pulsimo.health_checks WHERE endpoint_id = $(sql 'SELECT max(id) FROM pulsimo.endpoints')
           ORDER BY checked_at DESC LIMIT 1000"
    echo "${query//$'\n'/ };" >"$place/checks.sql"
    for _ in 1 2 3; do
        queries_as postgres
        owner=$(calculate "$owner + $qps / 3")
        queries_as tenant
        tenant=$(calculate "$tenant + $qps / 3")
    done
    report T1 'last 1000 checks of an endpoint, as a tenant' "$(calculate "1000 / $tenant" 3)" ms \
        "$(calculate "1000 / $owner" 3)" "$(ratio "$owner" "$tenant")" '<= 1.2' 3
    plans=$(for role in postgres tenant; do
        sql "SET ROLE $role; EXPLAIN (COSTS OFF) $query" | grep -oE '(using|on) [a-z_0-9]*_idx' || echo none
    done | sort | uniq -c | awk '$2 == "none" || $1 != 2 { n++ } END { print n + 0 }')
    report T1 'indexes that only one of the two plans uses' "$plans" indexes - - '<= 0' 2
}

# --- T2: a policy tried out on 90 days of checks ----------------------------------------------------------------------------

row_backtest() {
    local read=0 backtest=0 id period="'2026-01-01Z', '2026-04-01Z'"
    fresh_extension
    run 'SELECT pulsimo.stop()'
    add_endpoints 4 '30 s' 'http://127.0.0.1:1/'
    id=$(sql 'SELECT max(id) FROM pulsimo.endpoints')
    run "CREATE ROLE analyst LOGIN;
         SELECT pulsimo.add_user('a@example.org', 'Analyst', o.id, 'viewer', database_role => 'analyst') FROM pulsimo.organizations o;
         SELECT pulsimo.ensure_partitions('2025-12-31', '2026-04-01');
         INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
         SELECT e.id, t.at, CASE WHEN f.failed THEN 'down' ELSE 'up' END::pulsimo.status, 1000,
                CASE WHEN f.failed THEN 'status'::pulsimo.error_class END
         FROM generate_series(timestamptz '2026-01-01Z', '2026-03-31 23:59:30Z', '30 s') WITH ORDINALITY AS t (at, n),
             LATERAL (SELECT t.n % 997 < 5 OR t.n % 101 = 7 AS failed) f, pulsimo.endpoints e
         ORDER BY t.n, e.id"
    run 'VACUUM ANALYZE pulsimo.health_checks'
    for _ in 1 2 3; do
        echo "SELECT count(*), max(response_us) FROM pulsimo.health_checks WHERE endpoint_id = $id
              AND checked_at BETWEEN ${period/,/ AND};" | tr '\n' ' ' >"$place/checks.sql"
        queries_as analyst
        read=$(calculate "$read + $qps / 3" 3)
        echo "SELECT count(*) FROM pulsimo.backtest($id, '{\"failure_threshold\": 2, \"failure_window\": 5}', $period);" >"$place/checks.sql"
        queries_as analyst
        backtest=$(calculate "$backtest + $qps / 3" 3)
    done
    report T2 'backtest of 90 days, a check every 30 s' "$(calculate "1000 / $backtest")" ms "$(calculate "1000 / $read")" - \
        '<= 1000' 259200
}
