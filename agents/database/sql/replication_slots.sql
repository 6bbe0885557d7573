-- summary: Replication slots with the WAL that each keeps from being removed
-- grant: GRANT SELECT ON pg_catalog.pg_replication_slots TO {role}
-- [server >= 14]
SELECT s.slot_name,
       s.slot_type,
       s.plugin,
       s.database,
       s.active,
       s.temporary,
       NULL::numeric AS inactive_s,
       false AS synced,
       s.wal_status,
       s.safe_wal_size AS safe_wal_bytes,
       s.restart_lsn::pg_catalog.text AS restart_lsn,
       greatest(pg_catalog.pg_wal_lsn_diff(w.now_at, s.restart_lsn), 0) AS retained_bytes,
       greatest(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin)) AS horizon_age,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       CASE WHEN pg_catalog.current_setting('max_slot_wal_keep_size') <> '-1'
            THEN pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')) END AS keep_limit_bytes
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                         ELSE pg_catalog.pg_current_wal_lsn() END AS now_at) w
 ORDER BY retained_bytes DESC NULLS LAST, s.slot_name
 LIMIT %(row_limit)s
-- [server >= 17]
SELECT s.slot_name,
       s.slot_type,
       s.plugin,
       s.database,
       s.active,
       s.temporary,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - s.inactive_since)::numeric, 1) AS inactive_s,
       s.synced,
       s.wal_status,
       s.safe_wal_size AS safe_wal_bytes,
       s.restart_lsn::pg_catalog.text AS restart_lsn,
       greatest(pg_catalog.pg_wal_lsn_diff(w.now_at, s.restart_lsn), 0) AS retained_bytes,
       greatest(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin)) AS horizon_age,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       CASE WHEN pg_catalog.current_setting('max_slot_wal_keep_size') <> '-1'
            THEN pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')) END AS keep_limit_bytes
  FROM pg_catalog.pg_replication_slots s
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                         ELSE pg_catalog.pg_current_wal_lsn() END AS now_at) w
 ORDER BY retained_bytes DESC NULLS LAST, s.slot_name
 LIMIT %(row_limit)s
