-- What a database role needs to use Pulsimo. The rights say which tables and functions; row security and the functions
-- themselves say whose rows. A role without a user sees and changes nothing.

-- Whatever is not here is for the operator and for workers.
CREATE OR REPLACE VIEW pulsimo.access_rights WITH (security_invoker = true) AS
SELECT r.privilege, r.object
FROM (
    SELECT 'SELECT' AS privilege, 'pulsimo.' || t.name AS object
    FROM unnest('{organizations,users,memberships,project_members,projects,endpoints,health_checks,state_changes,
                  certificates,incidents,incident_events,outbox,state,endpoint_facts,endpoint_status,schedule,
                  active_incidents,organization_members,sessions,permission_matrix,my_api_keys,stored_secrets,
                  organization_usage,audit_log,maintenance_windows,dependencies,suppressions,incident_endpoints,
                  incident_assignees,incident_notes,incident_links,incident_excerpts,postmortems,action_items,
                  deployments,response_goals,all_incidents,resolved_incidents,open_action_items,severity_rules,
                  incident_transitions,endpoint_policy,dependency_steps}'::text[]) AS t (name)
    UNION ALL
    -- Not the hashes of tokens.
    SELECT 'SELECT (organization_id, email, role, created_at, expires_at)', 'pulsimo.invitations'
    UNION ALL
    SELECT 'SELECT (id, user_id, created_at, expires_at, client_address, application)', 'pulsimo.user_sessions'
    UNION ALL
    SELECT 'SELECT (id, user_id, name, scopes, created_at, expires_at, last_used_at)', 'pulsimo.api_keys'
    UNION ALL
    SELECT 'SELECT (id, organization_id, name, hosts, created_at, changed_at)', 'pulsimo.secrets'
    UNION ALL
    -- Not id: that a number is taken would tell of others. And DELETE is a right to LOCK the table.
    SELECT p.name || '(project_id, name, url, check_interval, timeout, retry_interval, degraded_after,'
                     ' failure_threshold, success_threshold, options, paused, cron, timezone, tags, criticality,'
                     ' failure_window, flap_start, flap_stop, auto_resolve, reference_endpoints)', 'pulsimo.endpoints'
    FROM unnest('{INSERT,UPDATE}'::text[]) AS p (name)
    UNION ALL
    SELECT p.name, 'pulsimo.projects' FROM unnest('{"INSERT (name, organization_id)",UPDATE (name)}'::text[]) AS p (name)
    UNION ALL
    SELECT 'EXECUTE', p.oid::regprocedure::text
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.proname::text = ANY (
        '{current_user_id,current_api_key_id,is_operator,has_permission,require_permission,note_denial,my_permissions,
          add_user,invite_user,revoke_invitation,accept_invitation,disable_user,enable_user,remove_user,set_role,set_project_role,remove_project,
          sign_in,use_session,sign_out,revoke_session,revoke_sessions,change_password,
          create_api_key,use_api_key,rotate_api_key,revoke_api_key,
          begin_one_time_passwords,confirm_one_time_passwords,end_one_time_passwords,
          set_secret,remove_secret,search_audit,count_users,endpoints_of,
          add_endpoint,update_endpoint,pause_endpoint,resume_endpoint,remove_endpoint,check_now,
          validate_endpoint,without_months,require_endpoint,lock_endpoint,require_project,default_project,only_project,
          read_duration,read_text,read_integer,incident_timeline,uptime,time_in_status,status_periods,uptime_percent,
          known_until,next_slot,dashboard,signs,readable_duration,is_running,version,installed_version,
          module_version,
          acknowledge_incident,add_action_item,add_incident_endpoint,add_note,assign_incident,
          certificate_causes,common_causes,complete_action_item,counted_incidents,deployment,
          deployment_causes,describe_failing_checks,edit_note,endpoint_names,endpoints_of_incident,export_incident,
          export_incidents,failing_checks,find_incidents,group_label,in_words,incident_as_of,
          incident_document,incident_facts,incident_frequency,incident_impact,incident_metrics,
          incident_severity,investigate_incident,link_incidents,maintenance_causes,markdown_action_items,
          markdown_code,markdown_event,markdown_excerpt,markdown_facts,markdown_impact,markdown_line,
          markdown_links,markdown_notes,markdown_paragraphs,markdown_section,markdown_time,markdown_timeline,
          markdown_title,matching_incidents,merge_incident,mute_incident,needed_endpoints,neighbours,
          open_incident,organizations_to_search,people_of,postmortem,postmortem_markdown,recently_resolved,
          remove_deployment,remove_incident_endpoint,remove_note,reopen_incident,require_format,require_given,
          require_grouping,require_incident,require_organization,require_period,resolve_incident,
          response_goal_breaches,same_time,same_time_words,seconds,set_priority,set_response_goal,
          set_severity,states_to_search,suggest_causes,timeline_of_others,unassign_incident,unlink_incidents,
          unmute_incident,upstream_causes,url_host,write_postmortem,
          schedule_endpoint,next_runs,reschedule,tag_endpoint,untag_endpoint,check_now_all,cron_next,
          validate_cron,effective_policy,set_health_policy,check_endpoints,cron_next_if_known,
          require_schedule,write_schedule,endpoints_to_change,policy_settings,read_policy_setting,read_tags,
          read_severity,require_tag,require_tags,require_thresholds,require_reference_endpoints,is_restoring,
          add_dependency,remove_dependency,upstream,downstream,impact,simulate_failure,critical_path,
          single_points_of_failure,root_cause,dependency_graph,reachable_endpoints,walk_dependencies,was_down,
          related_endpoints,working_fallback,down_with,failure_effects,failure_in_words,dependencies_in,
          heaviest_chain,cause_in_words,dot_text,mermaid_text,graph_as_dot,graph_as_mermaid,
          schedule_maintenance,begin_maintenance,end_maintenance,upcoming_maintenance,maintenance_between,
          runs_between,live_maintenance,maintenance_until_commit,maintenance_while_connected,
          end_session_maintenance,
          backtest,backtest_summary,replay,replay_checks,replay_events,match_incidents,read_backtest_policy,
          require_policy_durations,read_policy}'::text[])
) r;
REVOKE ALL ON pulsimo.access_rights FROM PUBLIC;
COMMENT ON VIEW pulsimo.access_rights IS
'Internal: the rights that grant_access() gives.';

CREATE OR REPLACE FUNCTION pulsimo.require_role(database_role name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = database_role) THEN
        RAISE EXCEPTION 'role % does not exist', coalesce(quote_literal(database_role), 'null') USING
            ERRCODE = 'undefined_object',
            HINT = 'Make it with CREATE ROLE ... LOGIN.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_role(name) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_role(name) IS
'Internal: raises 42704 when there is no such role.';

CREATE OR REPLACE FUNCTION pulsimo.grant_access(database_role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    access record;
BEGIN
    PERFORM pulsimo.require_operator('grant access');
    PERFORM pulsimo.require_role(database_role);
    EXECUTE format('GRANT USAGE ON SCHEMA pulsimo TO %I', database_role);
    FOR access IN SELECT r.privilege, r.object FROM pulsimo.access_rights r LOOP
        EXECUTE format('GRANT %s ON %s %s TO %I', access.privilege,
                       CASE WHEN access.privilege = 'EXECUTE' THEN 'FUNCTION' ELSE 'TABLE' END, access.object,
                       database_role);
    END LOOP;
    INSERT INTO pulsimo.access_roles AS a (database_role, extension_version)
    VALUES (grant_access.database_role, pulsimo.installed_version())
    ON CONFLICT ON CONSTRAINT access_roles_pkey DO UPDATE SET extension_version = excluded.extension_version;
END $$;
REVOKE ALL ON FUNCTION pulsimo.grant_access(name) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.grant_access(name) IS
'Gives a database role the rights to use Pulsimo as a tenant: its tables, views and functions, of which row security shows what the user may see whose database_role it is, and nothing to anybody else. For the operator. add_user() calls it when it is given a database_role; after an update of the extension the keeper gives it what is new, within moments; while monitoring is stopped, call it again.
Errors: 42501 not the operator, 42704 there is no such role.
Example: SELECT pulsimo.grant_access(''application'');';

CREATE OR REPLACE FUNCTION pulsimo.revoke_access(database_role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_operator('revoke access');
    PERFORM pulsimo.require_role(database_role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA pulsimo FROM %I', database_role);
    EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pulsimo FROM %I', database_role);
    EXECUTE format('REVOKE ALL ON SCHEMA pulsimo FROM %I', database_role);
    DELETE FROM pulsimo.access_roles a WHERE a.database_role = revoke_access.database_role;
END $$;
REVOKE ALL ON FUNCTION pulsimo.revoke_access(name) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_access(name) IS
'Takes all rights in Pulsimo away from a database role. For the operator. The user stays: see remove_user().
Errors: 42501 not the operator, 42704 there is no such role.
Example: SELECT pulsimo.revoke_access(''application'');';

CREATE OR REPLACE FUNCTION pulsimo.renew_access() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant name;
    renewed integer := 0;
BEGIN
    DELETE FROM pulsimo.access_roles a WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = a.database_role);
    FOR tenant IN
        SELECT a.database_role FROM pulsimo.access_roles a WHERE a.extension_version <> pulsimo.installed_version()
    LOOP
        PERFORM pulsimo.grant_access(tenant);
        renewed := renewed + 1;
    END LOOP;
    RETURN renewed;
END $$;
REVOKE ALL ON FUNCTION pulsimo.renew_access() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.renew_access() IS
'Internal: grant_access() for roles that were given it by another version of the extension, which may have had less to grant. The keeper calls it; the script of the update must not, for what it grants would be missing from dumps. Returns how many.';
