# Everything the catalog says about the extension in a database, as sorted lines without oids: two databases with the
# same text have the same schema. Privileges are spelt out, since pg_upgrade writes no list where it is the default.
# Options of columns whose names begin with pg_ are notes of the server. What is not looked at (statistics objects,
# operators, casts ...) would still show in the list of members.
package PulsimoTest::Catalog;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(catalog catalog_difference);

my $in_schema = q{relnamespace = 'pulsimo'::regnamespace AND NOT c.relispartition AND c.relkind <> 'i'};

# Each query gives one column of lines; the key says what they tell of. Indexes and policies of partitions are left out with the
# partitions: those are data.
my %queries = (
    extension => <<'SQL',
SELECT concat_ws(' ', e.extversion, e.extnamespace::regnamespace, e.extrelocatable) FROM pg_extension e
WHERE e.extname = 'pulsimo'
SQL
    config => <<'SQL',
SELECT c.oid::regclass || ' ' || quote_literal(e.extcondition[k])
FROM pg_extension e, generate_subscripts(e.extconfig, 1) k, pg_class c
WHERE e.extname = 'pulsimo' AND c.oid = e.extconfig[k]
SQL
    member => <<'SQL',
SELECT concat_ws(' ', o.type, o.identity, '--', obj_description(d.objid, d.classid::regclass::name))
FROM pg_depend d
    CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) o
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT e.oid FROM pg_extension e WHERE e.extname = 'pulsimo')
SQL
    schema => <<'SQL',
SELECT concat_ws(' ', n.nspname, n.nspowner::regrole, coalesce(n.nspacl, acldefault('n', n.nspowner)))
FROM pg_namespace n WHERE n.nspname = 'pulsimo'
SQL
    relation => <<"SQL",
SELECT concat_ws(' ', c.oid::regclass, c.relkind, c.relpersistence, c.relowner::regrole, c.relrowsecurity,
                 c.relforcerowsecurity, c.relreplident, c.reloptions, pg_get_partkeydef(c.oid), 'acl:',
                 coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)))
FROM pg_class c WHERE c.$in_schema
SQL
    column => <<"SQL",
SELECT concat_ws(' ', c.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                 a.attidentity, a.attgenerated, a.attstorage, a.attcompression, a.attcollation::regcollation,
                 a.attisdropped, ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o !~ '^pg_' ORDER BY o),
                 a.attacl, pg_get_expr(d.adbin, d.adrelid), '--', col_description(c.oid, a.attnum))
FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.$in_schema
SQL
    constraint => <<'SQL',
SELECT concat_ws(' ', n.conrelid::regclass, n.conname, n.convalidated, pg_get_constraintdef(n.oid), '--',
                 obj_description(n.oid, 'pg_constraint'))
FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid
WHERE c.relnamespace = 'pulsimo'::regnamespace AND NOT c.relispartition
SQL
    index => <<'SQL',
SELECT concat_ws(' ', i.indexrelid::regclass, i.indisvalid, i.indisclustered, i.indisreplident,
                 pg_get_indexdef(i.indexrelid), '--', obj_description(i.indexrelid, 'pg_class'))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'pulsimo'::regnamespace AND NOT c.relispartition
SQL
    trigger => <<'SQL',
SELECT concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid), '--', obj_description(t.oid, 'pg_trigger'))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'pulsimo'::regnamespace AND NOT c.relispartition AND NOT t.tgisinternal
SQL
    policy => <<'SQL',
SELECT p::text FROM pg_policies p
WHERE p.schemaname = 'pulsimo' AND NOT EXISTS (
    SELECT FROM pg_class c WHERE c.oid = format('%I.%I', p.schemaname, p.tablename)::regclass AND c.relispartition)
SQL
    rule => <<'SQL',
SELECT pg_get_ruledef(r.oid) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE c.relnamespace = 'pulsimo'::regnamespace
SQL
    sequence => <<'SQL',
SELECT concat_ws(' ', s.seqrelid::regclass, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin,
                 s.seqcache, s.seqcycle)
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid WHERE c.relnamespace = 'pulsimo'::regnamespace
SQL
    type => <<'SQL',
SELECT concat_ws(' ', t.oid::regtype, t.typtype, t.typowner::regrole, t.typnotnull,
                 coalesce(t.typacl, acldefault('T', t.typowner)),
                 ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder))
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = 'pulsimo'::regnamespace AND t.typelem = 0 AND NOT coalesce(c.relispartition, false)
SQL
    function => <<'SQL',
SELECT concat_ws(' ', p.proowner::regrole, 'acl:', coalesce(p.proacl, acldefault('f', p.proowner)),
                 pg_get_functiondef(p.oid))
FROM pg_proc p WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.prokind <> 'a'
SQL
    initial_privilege => <<'SQL',
SELECT concat_ws(' ', o.type, o.identity, i.privtype, i.initprivs)
FROM pg_init_privs i CROSS JOIN LATERAL pg_identify_object(i.classoid, i.objoid, i.objsubid) o
WHERE o.schema = 'pulsimo' OR o.identity = 'pulsimo'
SQL
    default_privilege => <<'SQL',
SELECT d::text FROM pg_default_acl d WHERE d.defaclnamespace = 'pulsimo'::regnamespace
SQL
);

# Everything, or without some of the kinds above.
sub catalog {
    my ($node, $database, @without) = @_;
    my %left_out = map { $_ => 1 } @without;
    my $sql = join ' UNION ALL ', map {
        (my $query = $queries{$_}) =~ s/\s+\z//;
        "SELECT '$_: ' || line FROM ($query) q (line)"
    } grep { !$left_out{$_} } sort keys %queries;
    return $node->safe_psql($database,
        "SELECT replace(line, E'\\n', '\\n') FROM ($sql) a (line) ORDER BY line COLLATE \"C\"");
}

# The lines that only one of two catalogs has; '' when they are the same.
sub catalog_difference {
    my ($one, $other) = map { { map { $_ => 1 } split /\n/ } } @_;
    return join "\n", (map { "- $_" } grep { !$other->{$_} } sort keys %$one),
      (map { "+ $_" } grep { !$one->{$_} } sort keys %$other);
}

1;
