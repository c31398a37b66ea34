-- What the operator allows an organization: how many endpoints, checks and users, and which addresses it may probe.
--
-- Limits hold for everybody, the operator too, who can raise them. They are counted under the lock of the organization,
-- so that two sessions cannot both take the last place, and only where there is a limit.

CREATE OR REPLACE FUNCTION pulsimo.require_networks(networks text) RETURNS void
LANGUAGE c IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_require_networks';
REVOKE ALL ON FUNCTION pulsimo.require_networks(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_networks(text) IS
'Internal: raises 22023 when this is no list of networks.';

CREATE OR REPLACE FUNCTION pulsimo.endpoints_of(organization bigint, OUT endpoints bigint, OUT checks_per_minute numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*), coalesce(round(sum(60 / extract(epoch FROM e.check_interval)) FILTER (WHERE NOT e.paused), 2), 0)
    FROM pulsimo.projects p JOIN pulsimo.endpoints e ON e.project_id = p.id
    WHERE p.organization_id = organization;
$$;
REVOKE ALL ON FUNCTION pulsimo.endpoints_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_of(bigint) IS
'Internal: the endpoints of an organization, and the regular checks of those that are not paused.';

CREATE OR REPLACE FUNCTION pulsimo.users_of(organization bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM (
        SELECT m.user_id FROM pulsimo.memberships m WHERE m.organization_id = organization
        UNION
        SELECT s.user_id FROM pulsimo.project_members s JOIN pulsimo.projects p ON p.id = s.project_id
        WHERE p.organization_id = organization) u;
$$;
REVOKE ALL ON FUNCTION pulsimo.users_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.users_of(bigint) IS
'Internal: how many people have a role in an organization or one of its projects.';

CREATE OR REPLACE FUNCTION pulsimo.count_users_as_owner(organization bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN pulsimo.has_permission('members.view', organization) THEN pulsimo.users_of(organization) END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.count_users_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.count_users_as_owner(bigint) IS
'Internal: count_users(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.count_users(organization bigint) RETURNS bigint
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.count_users(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.count_users(bigint) IS
'Internal: users_of() an organization whose members the caller may see; NULL of any other.';

CREATE OR REPLACE FUNCTION pulsimo.exceed(organization bigint, what text, has numeric, most integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has > most THEN
        RAISE EXCEPTION 'organization % may have at most % %', organization, most, what USING
            ERRCODE = 'configuration_limit_exceeded',
            DETAIL = format('It would have %s.', trim_scale(has)),
            HINT = 'The view pulsimo.organization_usage shows the limits; the operator can raise them with pulsimo.set_quota().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.exceed(bigint, text, numeric, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.exceed(bigint, text, numeric, integer) IS
'Internal: raises 53400 when an organization has more than it may.';

-- Once a transaction is enough: the row is ours then.
CREATE OR REPLACE FUNCTION pulsimo.lock_quota(organization bigint) RETURNS pulsimo.organizations
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    limits pulsimo.organizations;
BEGIN
    IF NOT EXISTS (SELECT FROM pulsimo.organizations o
                   WHERE o.id = organization AND o.xmin = pg_current_xact_id()::xid) THEN
        PERFORM pulsimo.lock_organization(organization);
    END IF;
    SELECT * INTO limits FROM pulsimo.organizations o WHERE o.id = organization;
    RETURN limits;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_quota(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_quota(bigint) IS
'Internal: an organization, which nobody else changes until the end of the transaction.';

CREATE OR REPLACE FUNCTION pulsimo.require_endpoint_quota(organization bigint, more_endpoints boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    limits constant pulsimo.organizations := pulsimo.lock_quota(organization);
    has record;
BEGIN
    SELECT * INTO has FROM pulsimo.endpoints_of(organization);
    IF more_endpoints THEN
        PERFORM pulsimo.exceed(organization, 'endpoints', has.endpoints, limits.max_endpoints);
    END IF;
    PERFORM pulsimo.exceed(organization, 'checks a minute', has.checks_per_minute, limits.max_checks_per_minute);
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_endpoint_quota(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_endpoint_quota(bigint, boolean) IS
'Internal: raises 53400 when an organization has more checks than it may, or having got more endpoints more of these.';

-- With the rights of the owner, to count what the session does not see. Not during a restore (see audit.sql).
CREATE OR REPLACE FUNCTION pulsimo.endpoints_within_quota_as_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization bigint;
BEGIN
    IF pulsimo.is_restoring() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        FOR organization IN
            SELECT DISTINCT p.organization_id FROM new_rows n JOIN pulsimo.projects p ON p.id = n.project_id
                JOIN pulsimo.organizations o ON o.id = p.organization_id
            WHERE o.max_endpoints IS NOT NULL OR (o.max_checks_per_minute IS NOT NULL AND NOT n.paused)
            ORDER BY p.organization_id
        LOOP
            PERFORM pulsimo.require_endpoint_quota(organization, true);
        END LOOP;
        RETURN NULL;
    END IF;
    -- Whoever is above a limit that was lowered may still do what does not add to it.
    FOR organization IN
        SELECT p.organization_id
        FROM (SELECT n.project_id, CASE WHEN n.paused THEN 0 ELSE 60 / extract(epoch FROM n.check_interval) END AS rate
              FROM new_rows n
              UNION ALL
              SELECT r.project_id, CASE WHEN r.paused THEN 0 ELSE -60 / extract(epoch FROM r.check_interval) END
              FROM old_rows r) c
            JOIN pulsimo.projects p ON p.id = c.project_id JOIN pulsimo.organizations o ON o.id = p.organization_id
        WHERE o.max_checks_per_minute IS NOT NULL
        GROUP BY p.organization_id HAVING sum(c.rate) > 0
        ORDER BY p.organization_id
    LOOP
        PERFORM pulsimo.require_endpoint_quota(organization, false);
    END LOOP;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoints_within_quota_as_owner() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_within_quota_as_owner() IS
'Internal: endpoints_within_quota(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.endpoints_within_quota() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.endpoints_within_quota() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_within_quota() IS
'Trigger of pulsimo.endpoints: refuses with 53400 what an organization may not have. Writes nothing but the lock of the organization.';
CREATE OR REPLACE TRIGGER endpoints_within_quota_insert AFTER INSERT ON pulsimo.endpoints
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.endpoints_within_quota();
CREATE OR REPLACE TRIGGER endpoints_within_quota_update AFTER UPDATE ON pulsimo.endpoints
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.endpoints_within_quota();

CREATE OR REPLACE FUNCTION pulsimo.user_within_quota() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization constant bigint := pulsimo.audited_organization(to_jsonb(NEW));
    limits pulsimo.organizations;
BEGIN
    IF NOT pulsimo.is_restoring()
        AND EXISTS (SELECT FROM pulsimo.organizations o WHERE o.id = organization AND o.max_users IS NOT NULL) THEN
        limits := pulsimo.lock_quota(organization);
        PERFORM pulsimo.exceed(organization, 'users', pulsimo.users_of(organization), limits.max_users);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.user_within_quota() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.user_within_quota() IS
'Trigger of pulsimo.memberships and pulsimo.project_members: refuses with 53400 one more than an organization may have.';
CREATE OR REPLACE TRIGGER user_within_quota AFTER INSERT ON pulsimo.memberships
    FOR EACH ROW EXECUTE FUNCTION pulsimo.user_within_quota();
CREATE OR REPLACE TRIGGER user_within_quota AFTER INSERT ON pulsimo.project_members
    FOR EACH ROW EXECUTE FUNCTION pulsimo.user_within_quota();

CREATE OR REPLACE FUNCTION pulsimo.set_quota(
    organization bigint,
    endpoints integer DEFAULT NULL,
    checks_per_minute integer DEFAULT NULL,
    users integer DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_operator('set quotas');
    IF least(endpoints, checks_per_minute, users) < 0 THEN
        RAISE EXCEPTION 'a quota must not be negative' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Null is no limit.';
    END IF;
    PERFORM pulsimo.lock_organization(organization);
    UPDATE pulsimo.organizations o
    SET max_endpoints = endpoints, max_checks_per_minute = checks_per_minute, max_users = users
    WHERE o.id = organization;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_quota(bigint, integer, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_quota(bigint, integer, integer, integer) IS
'Limits an organization; null, or left out, is no limit. What it has already stays. For the operator.
endpoints: how many, paused ones included.
checks_per_minute: regular checks of all endpoints that are not paused.
users: people with a role in the organization or one of its projects.
Errors: 42501 not the operator, P0002 unknown organization, 22023 a limit is negative.
Example: SELECT pulsimo.set_quota(2, endpoints => 100, checks_per_minute => 200);';

CREATE OR REPLACE FUNCTION pulsimo.set_address_policy(
    organization bigint, blocked_networks text DEFAULT '', allowed_networks text DEFAULT ''
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_operator('say which addresses may be probed');
    IF blocked_networks IS NULL OR allowed_networks IS NULL OR length(blocked_networks) + length(allowed_networks) > 10000 THEN
        RAISE EXCEPTION 'blocked_networks and allowed_networks must be lists of at most 10000 characters' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave them out for no networks.';
    END IF;
    PERFORM pulsimo.require_networks(blocked_networks);
    PERFORM pulsimo.require_networks(allowed_networks);
    PERFORM pulsimo.lock_organization(organization);
    UPDATE pulsimo.organizations o
    SET blocked_networks = set_address_policy.blocked_networks, allowed_networks = set_address_policy.allowed_networks
    WHERE o.id = organization;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_address_policy(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_address_policy(bigint, text, text) IS
'Says which addresses the endpoints of an organization must not be at, besides those that pulsimo.blocked_networks forbids everybody. Decided on the address that a name resolves to, at every redirect again. For the operator.
blocked_networks: in CIDR form, separated by commas; 0.0.0.0/0, ::/0 are all there are.
allowed_networks: exceptions to blocked_networks, and to these alone.
Errors: 42501 not the operator, P0002 unknown organization, 22023 something is no network.
Example: SELECT pulsimo.set_address_policy(2, ''10.0.0.0/8, 192.168.0.0/16'', ''10.1.2.0/24'');';

-- Writes no rows.
CREATE OR REPLACE FUNCTION pulsimo.address_policy_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.note_endpoints(ARRAY(
        SELECT e.id FROM pulsimo.projects p JOIN pulsimo.endpoints e ON e.project_id = p.id
        WHERE p.organization_id = NEW.id));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.address_policy_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.address_policy_changed() IS
'Trigger of pulsimo.organizations: has the keeper read its endpoints again when other addresses may be probed.';
CREATE OR REPLACE TRIGGER address_policy_changed AFTER UPDATE OF blocked_networks, allowed_networks ON pulsimo.organizations
    FOR EACH ROW WHEN ((OLD.blocked_networks, OLD.allowed_networks) IS DISTINCT FROM (NEW.blocked_networks, NEW.allowed_networks))
    EXECUTE FUNCTION pulsimo.address_policy_changed();

-- Of organizations that the reader sees all of, or the numbers would be wrong.
CREATE OR REPLACE VIEW pulsimo.organization_usage WITH (security_invoker = true) AS
SELECT o.id AS organization_id, o.name AS organization, e.endpoints, o.max_endpoints, e.checks_per_minute,
       o.max_checks_per_minute, pulsimo.count_users(o.id) AS users, o.max_users
FROM pulsimo.organizations o CROSS JOIN LATERAL pulsimo.endpoints_of(o.id) e
WHERE pulsimo.has_permission('projects.view', o.id)
ORDER BY o.name;
REVOKE ALL ON pulsimo.organization_usage FROM PUBLIC;
COMMENT ON VIEW pulsimo.organization_usage IS
'What organizations have, beside what they may have; NULL is no limit. Members see their own organization.
Example: SELECT organization, endpoints, max_endpoints FROM pulsimo.organization_usage;';
COMMENT ON COLUMN pulsimo.organization_usage.organization_id IS 'id of the organization';
COMMENT ON COLUMN pulsimo.organization_usage.organization IS 'name of the organization';
COMMENT ON COLUMN pulsimo.organization_usage.endpoints IS 'its endpoints';
COMMENT ON COLUMN pulsimo.organization_usage.max_endpoints IS 'most endpoints';
COMMENT ON COLUMN pulsimo.organization_usage.checks_per_minute IS 'regular checks a minute of endpoints that are not paused';
COMMENT ON COLUMN pulsimo.organization_usage.max_checks_per_minute IS 'most checks a minute';
COMMENT ON COLUMN pulsimo.organization_usage.users IS 'people with a role in it or one of its projects';
COMMENT ON COLUMN pulsimo.organization_usage.max_users IS 'most people';
