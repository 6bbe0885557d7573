-- summary: Roles and databases with a CONNECTION LIMIT and how much of it is used; databases that a failed DROP left invalid
-- rows: 100
-- [server >= 14]
SELECT c.kind, c.name, c.connection_limit, c.used
  FROM (SELECT 'role' AS kind, r.rolname::pg_catalog.text AS name, r.rolconnlimit AS connection_limit,
               (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid) AS used
          FROM pg_catalog.pg_roles r
         WHERE r.rolconnlimit > 0 AND r.rolcanlogin AND NOT r.rolsuper
         UNION ALL
        SELECT 'database', d.datname::pg_catalog.text, d.datconnlimit,
               (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
          FROM pg_catalog.pg_database d
         WHERE d.datconnlimit > 0 OR d.datconnlimit = -2) c
 ORDER BY CASE WHEN c.connection_limit > 0 THEN c.used::numeric / c.connection_limit ELSE 1 END DESC, c.kind, c.name
 LIMIT %(row_limit)s
