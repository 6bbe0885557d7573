-- summary: Advisory locks that somebody waits for: who holds them, and since when the holder has kept its state
-- rows: 100
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT h.pid AS holder,
       a.state,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::numeric, 3) AS state_s,
       h.mode,
       d.datname::pg_catalog.text AS database,
       h.classid::bigint AS classid, h.objid::bigint AS objid, h.objsubid::integer AS keys,
       CASE WHEN h.objsubid = 1 THEN ((h.classid::bigint << 32) | h.objid::bigint)::pg_catalog.text
            ELSE h.classid::pg_catalog.text || ', ' || h.objid::pg_catalog.text END AS key,
       pg_catalog.array_agg(w.pid ORDER BY w.pid) AS waiters,
       coalesce(pg_catalog.round(pg_catalog.max(greatest(
         EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.waitstart), 0))::numeric, 3), 0) AS longest_wait_s
  FROM pg_catalog.pg_locks h
  JOIN pg_catalog.pg_locks w
    ON w.locktype = 'advisory' AND NOT w.granted AND w.pid <> h.pid
   AND (w.database, w.classid, w.objid, w.objsubid) = (h.database, h.classid, h.objid, h.objsubid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid
  LEFT JOIN pg_catalog.pg_database d ON d.oid = h.database
 WHERE h.locktype = 'advisory' AND h.granted AND h.pid IS NOT NULL
 GROUP BY h.pid, a.state, a.state_change, h.mode, d.datname, h.classid, h.objid, h.objsubid
 ORDER BY longest_wait_s DESC, h.pid
 LIMIT %(row_limit)s
