-- summary: Roles with a login that bypass every check, or whose password runs out
-- rows: 500
-- [server >= 14]
SELECT r.rolname AS role, r.rolsuper AS superuser, r.rolbypassrls AS bypasses_rls, r.oid = 10 AS bootstrap,
       CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
            THEN pg_catalog.round(EXTRACT(epoch FROM r.rolvaliduntil - pg_catalog.clock_timestamp())::numeric, 0) END AS valid_for_s,
       (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid) AS sessions
  FROM pg_catalog.pg_roles r
 WHERE r.rolcanlogin
   AND (r.rolsuper OR r.rolbypassrls
        OR pg_catalog.isfinite(r.rolvaliduntil) AND r.rolvaliduntil < pg_catalog.clock_timestamp() + interval '90 days')
 ORDER BY r.rolvaliduntil NULLS LAST, r.rolname
 LIMIT %(row_limit)s
