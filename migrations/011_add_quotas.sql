-- What the operator allows an organization: how much, and to probe which addresses. NULL: as much as it likes.

ALTER TABLE pulsimo.organizations
    ADD COLUMN max_endpoints integer CONSTRAINT organizations_max_endpoints_range
        CHECK (max_endpoints OPERATOR(pg_catalog.>=) 0),
    ADD COLUMN max_checks_per_minute integer CONSTRAINT organizations_max_checks_per_minute_range
        CHECK (max_checks_per_minute OPERATOR(pg_catalog.>=) 0),
    ADD COLUMN max_users integer CONSTRAINT organizations_max_users_range CHECK (max_users OPERATOR(pg_catalog.>=) 0),
    ADD COLUMN blocked_networks text NOT NULL DEFAULT '',
    ADD COLUMN allowed_networks text NOT NULL DEFAULT '';
