-- summary: Sessions that wait for a lock, what they want, since when, and who is in their way
-- rows: 500
-- grant: GRANT SELECT ON pg_catalog.pg_locks TO {role}
-- [server >= 14]
WITH locks AS MATERIALIZED (
  SELECT l.pid, l.locktype, l.database, l.relation, l.mode, l.granted, l.waitstart
    FROM pg_catalog.pg_locks l
   WHERE l.pid IS NOT NULL AND (NOT l.granted OR l.locktype = 'tuple')
)
SELECT w.pid,
       ARRAY(SELECT DISTINCT b FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) b WHERE b <> w.pid ORDER BY b)
         AS blocked_by,
       w.locktype AS lock,
       w.mode,
       CASE WHEN c.oid IS NOT NULL
            THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
            WHEN o.relation IS NOT NULL
            THEN coalesce((SELECT d.datname FROM pg_catalog.pg_database d WHERE d.oid = o.database)::pg_catalog.text, 'shared')
                 || '/' || o.relation::pg_catalog.text
       END AS relation,
       coalesce(pg_catalog.round(greatest(
         EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.waitstart)::numeric, 0), 3), 0) AS wait_s
  FROM locks w
  LEFT JOIN LATERAL (
       SELECT t.database, t.relation FROM locks t
        WHERE t.pid = w.pid AND t.relation IS NOT NULL ORDER BY t.granted LIMIT 1) o ON true
  LEFT JOIN pg_catalog.pg_class c
         ON c.oid = o.relation
        AND o.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT w.granted
 ORDER BY w.waitstart, w.pid
 LIMIT %(row_limit)s
