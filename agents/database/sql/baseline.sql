-- summary: What a server is set up to be: version, settings that are not the defaults, extensions, settings of roles and databases
-- rows: 2000
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT b.kind, b.name, b.value
  FROM (SELECT 'server' AS kind, 'version' AS name, pg_catalog.current_setting('server_version') AS value
        UNION ALL
        SELECT 'setting', s.name, pg_catalog.left(pg_catalog.current_setting(s.name, true), 500)
          FROM pg_catalog.pg_settings s
         WHERE s.setting IS DISTINCT FROM s.boot_val
           AND s.source NOT IN ('default', 'override', 'client', 'session', 'user', 'database', 'database user')
        UNION ALL
        SELECT 'extension', e.extname, e.extversion FROM pg_catalog.pg_extension e
        UNION ALL
        SELECT 'setting of ' || pg_catalog.concat_ws(' in ', 'role ' || r.rolname, 'database ' || d.datname),
               pg_catalog.split_part(c.entry, '=', 1),
               pg_catalog.left(pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1), 500)
          FROM pg_catalog.pg_db_role_setting s
         CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c(entry)
          LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
          LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole) b
 ORDER BY b.kind, b.name
 LIMIT %(row_limit)s
