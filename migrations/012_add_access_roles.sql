-- To whom grant_access() was given, and by which version, so that an update can give them what it brings and nobody else.

CREATE TABLE pulsimo.access_roles (
    database_role name PRIMARY KEY,
    extension_version text NOT NULL
);

-- Those of before have EXECUTE on all three of these, which is more than somebody is likely to have been given by hand.
INSERT INTO pulsimo.access_roles (database_role, extension_version)
    SELECT r.rolname, '007' FROM pg_catalog.pg_roles r
    WHERE NOT r.rolsuper AND 3 OPERATOR(pg_catalog.=) (
        SELECT pg_catalog.count(DISTINCT p.proname)
        FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace OPERATOR(pg_catalog.=) n.oid
            CROSS JOIN LATERAL pg_catalog.aclexplode(p.proacl) a
        WHERE n.nspname OPERATOR(pg_catalog.=) 'pulsimo' AND a.grantee OPERATOR(pg_catalog.=) r.oid
            AND p.proname::pg_catalog.text OPERATOR(pg_catalog.~) '^(sign_in|add_endpoint|has_permission)$');

SELECT pg_catalog.pg_extension_config_dump('pulsimo.access_roles', '');
