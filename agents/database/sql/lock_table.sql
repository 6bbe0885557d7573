-- summary: How full the shared lock table is, and the session that holds most of it
-- rows: 1
-- grant: GRANT SELECT ON pg_catalog.pg_locks TO {role}
-- [server >= 14]
WITH locks AS MATERIALIZED (
  SELECT l.pid,
         (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid)::pg_catalog.text AS tag
    FROM pg_catalog.pg_locks l
   WHERE NOT l.fastpath AND l.locktype <> 'virtualxid'
), top AS (
  SELECT l.pid, pg_catalog.count(*) AS held FROM locks l
   WHERE l.pid <> pg_catalog.pg_backend_pid() GROUP BY l.pid ORDER BY held DESC, l.pid LIMIT 1
)
SELECT (SELECT pg_catalog.count(DISTINCT l.tag) FROM locks l) AS objects,
       (SELECT pg_catalog.count(*) FROM locks) AS locks,
       s.per_transaction * (s.connections + s.prepared) AS capacity,
       s.per_transaction AS max_locks_per_transaction,
       (SELECT t.pid FROM top t) AS top_pid,
       (SELECT t.held FROM top t) AS top_held
  FROM (SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint AS per_transaction,
               pg_catalog.current_setting('max_connections')::bigint AS connections,
               pg_catalog.current_setting('max_prepared_transactions')::bigint AS prepared) s
 LIMIT %(row_limit)s
