-- Organizations isolate tenants: every project belongs to one, people belong to any number of them.

CREATE TYPE pulsimo.organization_role AS ENUM ('owner', 'admin', 'member', 'viewer');

CREATE TABLE pulsimo.organizations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT organizations_name_key UNIQUE (name),
    CONSTRAINT organizations_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200)
);

CREATE TABLE pulsimo.memberships (
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    role pulsimo.organization_role NOT NULL DEFAULT 'member',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_user_id_idx ON pulsimo.memberships (user_id);

-- Projects that are older than organizations go to one named "default".
ALTER TABLE pulsimo.projects ADD COLUMN organization_id bigint REFERENCES pulsimo.organizations (id);
INSERT INTO pulsimo.organizations (name)
    SELECT 'default' WHERE EXISTS (SELECT FROM pulsimo.projects);
UPDATE pulsimo.projects SET organization_id = (SELECT o.id FROM pulsimo.organizations o);
ALTER TABLE pulsimo.projects ALTER COLUMN organization_id SET NOT NULL;

-- The name of a project is unique within its organization, no longer everywhere.
ALTER TABLE pulsimo.projects DROP CONSTRAINT projects_name_key;
ALTER TABLE pulsimo.projects ADD CONSTRAINT projects_organization_id_name_key UNIQUE (organization_id, name);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.organizations', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.organizations_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.memberships', '');
