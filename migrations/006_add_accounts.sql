-- Who people are, and where they may do what: the state of a user, rights in single projects.

CREATE TYPE pulsimo.user_status AS ENUM ('invited', 'active', 'disabled');
CREATE TYPE pulsimo.project_role AS ENUM ('admin', 'editor', 'viewer');

-- The name and not the oid of a database role, so that a dump means the same person in another cluster.
ALTER TABLE pulsimo.users
    ADD COLUMN status pulsimo.user_status NOT NULL DEFAULT 'active',
    ADD COLUMN database_role name CONSTRAINT users_database_role_key UNIQUE,
    ADD CONSTRAINT users_database_role_named CHECK (database_role OPERATOR(pg_catalog.<>) ''::pg_catalog.name);

CREATE TABLE pulsimo.project_members (
    project_id bigint NOT NULL REFERENCES pulsimo.projects (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    role pulsimo.project_role NOT NULL DEFAULT 'viewer',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX project_members_user_id_idx ON pulsimo.project_members (user_id);

-- A membership can be suspended without touching the account, which other organizations may share.
ALTER TABLE pulsimo.memberships ADD COLUMN status pulsimo.user_status NOT NULL DEFAULT 'active';

-- Whoever shows the token joins. Only its hash is kept. There is no account before that: an invitation must tell nobody
-- whether there is one already.
CREATE TABLE pulsimo.invitations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    email text NOT NULL,
    role pulsimo.organization_role NOT NULL,
    token_hash bytea NOT NULL CONSTRAINT invitations_token_hash_key UNIQUE,
    invited_by bigint REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX invitations_organization_id_email_key
    ON pulsimo.invitations (organization_id, pg_catalog.lower(email));
CREATE INDEX invitations_invited_by_idx ON pulsimo.invitations (invited_by);

-- An incident stays with the organization and the project it happened in, whatever becomes of the endpoint. Both are
-- filled in by a trigger; NULL where the endpoint was gone before this migration, or the project is now.
ALTER TABLE pulsimo.incidents
    ADD COLUMN organization_id bigint REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    ADD COLUMN project_id bigint REFERENCES pulsimo.projects (id) ON DELETE SET NULL;
UPDATE pulsimo.incidents i
    SET organization_id = p.organization_id, project_id = p.id
    FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id OPERATOR(pg_catalog.=) e.project_id
    WHERE e.id OPERATOR(pg_catalog.=) i.endpoint_id;
CREATE INDEX incidents_organization_id_idx ON pulsimo.incidents (organization_id, created_at);
CREATE INDEX incidents_project_id_idx ON pulsimo.incidents (project_id, created_at);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.project_members', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.invitations', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.invitations_id_seq', '');
