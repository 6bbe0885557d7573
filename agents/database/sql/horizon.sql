-- summary: Who keeps VACUUM from removing dead rows in this database: sessions, prepared transactions, slots, standbys; last, how many sessions hide their snapshots from this login
-- rows: 50
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT h.kind, h.pid, h.name, h.state, h.horizon_age, h.held_s,
       pg_catalog.pg_is_in_recovery() AND pg_catalog.current_setting('hot_standby_feedback') = 'on' AS fed_back
  FROM (SELECT 'session' AS kind, a.pid, pg_catalog.left(a.application_name, 64) AS name, a.state,
               greatest(pg_catalog.age(a.backend_xmin), pg_catalog.age(a.backend_xid)) AS horizon_age,
               pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::numeric, 1) AS held_s
          FROM pg_catalog.pg_stat_activity a
         WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
           AND a.pid <> pg_catalog.pg_backend_pid()
           AND a.datname = pg_catalog.current_database()
           AND a.backend_type NOT IN ('walsender', 'autovacuum worker')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
         UNION ALL
        SELECT 'prepared transaction', NULL, pg_catalog.left(p.gid, 200), p.owner::pg_catalog.text,
               pg_catalog.age(p.transaction),
               pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::numeric, 1)
          FROM pg_catalog.pg_prepared_xacts p
         WHERE p.database = pg_catalog.current_database()
         UNION ALL
        SELECT 'slot', s.active_pid, s.slot_name::pg_catalog.text, CASE WHEN s.active THEN 'active' ELSE 'inactive' END,
               pg_catalog.age(s.xmin), NULL
          FROM pg_catalog.pg_replication_slots s
         WHERE s.xmin IS NOT NULL
         UNION ALL
        SELECT 'standby', r.pid, pg_catalog.left(r.application_name, 64), r.state, pg_catalog.age(r.backend_xmin), NULL
          FROM pg_catalog.pg_stat_replication r
         WHERE r.backend_xmin IS NOT NULL
         UNION ALL
        SELECT 'hidden', NULL, pg_catalog.count(*)::pg_catalog.text, NULL, NULL, NULL
          FROM pg_catalog.pg_stat_activity a
         WHERE a.datname = pg_catalog.current_database()
           AND NOT pg_catalog.pg_has_role(a.usesysid, 'USAGE') AND NOT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        HAVING pg_catalog.count(*) > 0) h
 ORDER BY h.horizon_age DESC NULLS LAST, h.held_s DESC NULLS LAST
 LIMIT %(row_limit)s
