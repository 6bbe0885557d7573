-- summary: Logical subscriptions with their worker and their errors since the counters were reset
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT s.subname AS subscription, d.datname AS database, s.subenabled AS enabled, false AS disable_on_error,
       w.pid AS worker, w.received_lsn::pg_catalog.text AS received_lsn, w.latest_end_time,
       NULL::bigint AS apply_errors, NULL::bigint AS sync_errors, NULL::timestamptz AS stats_reset
  FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
  LEFT JOIN pg_catalog.pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL
 ORDER BY d.datname, s.subname
 LIMIT %(row_limit)s
-- [server >= 15]
SELECT s.subname AS subscription, d.datname AS database, s.subenabled AS enabled, s.subdisableonerr AS disable_on_error,
       w.pid AS worker, w.received_lsn::pg_catalog.text AS received_lsn, w.latest_end_time,
       t.apply_error_count AS apply_errors, t.sync_error_count AS sync_errors, t.stats_reset
  FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
  LEFT JOIN pg_catalog.pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL
  LEFT JOIN pg_catalog.pg_stat_subscription_stats t ON t.subid = s.oid
 ORDER BY t.apply_error_count DESC NULLS LAST, d.datname, s.subname
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT s.subname AS subscription, d.datname AS database, s.subenabled AS enabled, s.subdisableonerr AS disable_on_error,
       w.pid AS worker, w.received_lsn::pg_catalog.text AS received_lsn, w.latest_end_time,
       t.apply_error_count AS apply_errors, t.sync_error_count AS sync_errors, t.stats_reset
  FROM pg_catalog.pg_subscription s
  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
  LEFT JOIN pg_catalog.pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL AND w.leader_pid IS NULL
  LEFT JOIN pg_catalog.pg_stat_subscription_stats t ON t.subid = s.oid
 ORDER BY t.apply_error_count DESC NULLS LAST, d.datname, s.subname
 LIMIT %(row_limit)s
