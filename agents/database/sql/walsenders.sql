-- summary: Standbys and other receivers of WAL with how far each is behind, and what synchronous commits wait for
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT r.pid,
       r.usename AS "user",
       pg_catalog.left(r.application_name, 64) AS standby,
       coalesce(pg_catalog.host(r.client_addr), 'local') AS client,
       r.state,
       r.sync_state,
       coalesce(s.slot_type = 'logical', false) AS logical,
       s.slot_name,
       greatest(pg_catalog.pg_wal_lsn_diff(w.now_at, r.sent_lsn), 0) AS unsent_bytes,
       greatest(pg_catalog.pg_wal_lsn_diff(w.now_at, r.flush_lsn), 0) AS unflushed_bytes,
       greatest(pg_catalog.pg_wal_lsn_diff(w.now_at, r.replay_lsn), 0) AS behind_bytes,
       pg_catalog.round(EXTRACT(epoch FROM r.replay_lag)::numeric, 3) AS behind_s,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - r.reply_time)::numeric, 1) AS silent_s
  FROM pg_catalog.pg_stat_replication r
  LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid
 CROSS JOIN (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                         THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                         ELSE pg_catalog.pg_current_wal_lsn() END AS now_at) w
 ORDER BY behind_bytes DESC NULLS LAST, r.pid
 LIMIT %(row_limit)s
