-- summary: Sessions with many subtransactions, and whether they no longer fit the shared cache (16 and later)
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT NULL::integer AS pid, NULL::integer AS subtransactions, NULL::boolean AS overflowed
 WHERE false
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT p.pid, s.subxact_count AS subtransactions, s.subxact_overflowed AS overflowed
  FROM pg_catalog.pg_stat_get_backend_idset() b(id)
 CROSS JOIN LATERAL (SELECT pg_catalog.pg_stat_get_backend_pid(b.id) AS pid) p
 CROSS JOIN LATERAL pg_catalog.pg_stat_get_backend_subxact(b.id) s
 WHERE s.subxact_overflowed OR s.subxact_count > 32
 ORDER BY s.subxact_overflowed DESC, s.subxact_count DESC, p.pid
 LIMIT %(row_limit)s
