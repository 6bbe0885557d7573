-- summary: Prepared transactions: who left them, since when, and the sessions that wait for their locks
-- rows: 100
-- grant: GRANT SELECT ON pg_catalog.pg_prepared_xacts TO {role}
-- [server >= 14]
WITH prepared AS MATERIALIZED (
  SELECT p.transaction, p.gid, p.prepared, p.owner, p.database FROM pg_catalog.pg_prepared_xacts p
), locks AS MATERIALIZED (
  SELECT l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid, l.objsubid,
         l.virtualtransaction, l.pid, l.granted
    FROM pg_catalog.pg_locks l
   WHERE EXISTS (SELECT FROM prepared) AND (l.pid IS NULL OR NOT l.granted)
), waits AS MATERIALIZED (
  SELECT DISTINCT h.virtualtransaction, w.pid
    FROM locks w
    JOIN locks h ON h.pid IS NULL AND h.granted
     AND (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
         IS NOT DISTINCT FROM
         (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
   WHERE NOT w.granted AND w.pid IS NOT NULL AND 0 = ANY (pg_catalog.pg_blocking_pids(w.pid))
)
SELECT pg_catalog.left(p.gid, 200) AS gid,
       p.owner::pg_catalog.text AS owner,
       p.database::pg_catalog.text AS database,
       p.database = pg_catalog.current_database() AS own_database,
       p.prepared AS prepared_at,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::numeric, 1) AS prepared_s,
       pg_catalog.age(p.transaction) AS xid_age,
       ARRAY(SELECT DISTINCT s.pid FROM waits s
               JOIN locks t ON t.virtualtransaction = s.virtualtransaction AND t.locktype = 'transactionid' AND t.pid IS NULL
              WHERE t.transactionid = p.transaction ORDER BY s.pid) AS waiters,
       ARRAY(SELECT DISTINCT l.mode || ' ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
               FROM pg_catalog.pg_locks t
               JOIN pg_catalog.pg_locks l ON l.virtualtransaction = t.virtualtransaction AND l.locktype = 'relation'
               JOIN pg_catalog.pg_class c ON c.oid = l.relation AND p.database = pg_catalog.current_database()
               JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              WHERE t.transactionid = p.transaction AND t.locktype = 'transactionid' AND t.granted AND t.pid IS NULL
                AND c.relkind IN ('r', 'p', 'm') LIMIT 8) AS locks
  FROM prepared p
 ORDER BY p.prepared, p.gid
 LIMIT %(row_limit)s
