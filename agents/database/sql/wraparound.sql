-- summary: Age of the oldest transaction id and multixact id of each database, and how far that is from the end
-- rows: 200
-- [server >= 14]
SELECT d.datname::pg_catalog.text AS database,
       d.datname = pg_catalog.current_database() AS own,
       pg_catalog.age(d.datfrozenxid) AS xid_age,
       pg_catalog.mxid_age(d.datminmxid) AS mxid_age,
       pg_catalog.round(100.0 * pg_catalog.age(d.datfrozenxid) / 2147483647, 2) AS xid_percent,
       pg_catalog.round(100.0 * pg_catalog.mxid_age(d.datminmxid) / 2147483647, 2) AS mxid_percent,
       2147483647 - 3000000 - pg_catalog.age(d.datfrozenxid)::bigint AS xids_left,
       pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
       pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::bigint AS multixact_freeze_max_age
  FROM pg_catalog.pg_database d
 ORDER BY greatest(pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)) DESC, d.datname
 LIMIT %(row_limit)s
