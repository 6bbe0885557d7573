-- summary: On a standby: what was received and replayed, whether replay is paused, and who sends (no row on a primary)
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT pg_catalog.pg_is_wal_replay_paused() AS paused,
       pg_catalog.pg_get_wal_replay_pause_state() AS pause_state,
       pg_catalog.pg_last_wal_receive_lsn()::pg_catalog.text AS received_lsn,
       pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text AS replayed_lsn,
       greatest(pg_catalog.pg_wal_lsn_diff(coalesce(pg_catalog.pg_last_wal_receive_lsn(),
         pg_catalog.pg_last_wal_replay_lsn()), pg_catalog.pg_last_wal_replay_lsn()), 0) AS gap_bytes,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp()
         - pg_catalog.pg_last_xact_replay_timestamp())::numeric, 1) AS replayed_until_s,
       r.status AS receiver,
       pg_catalog.left(r.sender_host, 200) AS sender_host,
       r.sender_port,
       r.slot_name,
       (SELECT pg_catalog.string_agg(t.name || ' = ' || pg_catalog.left(t.setting, 100), ', ' ORDER BY t.name)
          FROM pg_catalog.pg_settings t
         WHERE t.name IN ('recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time',
                          'recovery_target_xid') AND t.setting <> '') AS recovery_target
  FROM (SELECT 1 WHERE pg_catalog.pg_is_in_recovery()) here
  LEFT JOIN pg_catalog.pg_stat_wal_receiver r ON true
 LIMIT %(row_limit)s
