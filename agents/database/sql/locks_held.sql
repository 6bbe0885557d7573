-- summary: For each session that wrote or holds a table lock stronger than a reader's: what it holds
-- rows: 500
-- grant: GRANT SELECT ON pg_catalog.pg_locks TO {role}
-- [server >= 14]
SELECT l.pid,
       pg_catalog.bool_or(l.locktype = 'transactionid') AS wrote,
       pg_catalog.count(*) FILTER (WHERE l.locktype = 'relation') AS relation_locks,
       (pg_catalog.array_agg(DISTINCT l.mode || ' ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname))
          FILTER (WHERE c.relkind IN ('r', 'p', 'm') AND l.mode <> 'AccessShareLock'))[1:8] AS locks
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_class c
         ON l.locktype = 'relation' AND c.oid = l.relation
        AND l.database IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE l.granted AND l.pid IS NOT NULL AND l.pid <> pg_catalog.pg_backend_pid()
   AND (l.locktype = 'relation' OR (l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'))
 GROUP BY l.pid
HAVING pg_catalog.bool_or(l.locktype = 'transactionid') OR pg_catalog.bool_or(l.mode <> 'AccessShareLock')
 ORDER BY wrote DESC, relation_locks DESC
 LIMIT %(row_limit)s
