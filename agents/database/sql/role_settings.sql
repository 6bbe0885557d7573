-- summary: Settings that hold for one role or one database only
-- rows: 500
-- grant: GRANT SELECT ON pg_catalog.pg_db_role_setting TO {role}
-- [server >= 14]
SELECT d.datname AS database, r.rolname AS role,
       pg_catalog.split_part(c.entry, '=', 1) AS name,
       pg_catalog.left(pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1), 200) AS value
  FROM pg_catalog.pg_db_role_setting s
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c(entry)
  LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
 ORDER BY d.datname NULLS FIRST, r.rolname NULLS FIRST, c.entry
 LIMIT %(row_limit)s
