-- summary: The largest databases
-- rows: 20
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT d.datname AS database, pg_catalog.pg_database_size(d.oid) AS bytes
  FROM pg_catalog.pg_database d
 WHERE d.datallowconn
 ORDER BY bytes DESC, d.datname
 LIMIT %(row_limit)s
