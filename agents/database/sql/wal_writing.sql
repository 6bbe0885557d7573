-- summary: Cumulative counters of checkpoints, background writer and WAL, with the sizes that limit them
-- rows: 1
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT b.checkpoints_timed AS timed, b.checkpoints_req AS requested,
       b.checkpoint_write_time AS write_ms, b.checkpoint_sync_time AS sync_ms,
       b.buffers_checkpoint, b.buffers_clean, b.maxwritten_clean,
       b.buffers_backend AS backend_writes, b.buffers_backend_fsync AS backend_fsyncs, true AS counts_extends,
       w.wal_records, w.wal_fpi, w.wal_bytes, w.wal_buffers_full,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       EXTRACT(epoch FROM pg_catalog.current_setting('checkpoint_timeout')::interval)::integer AS timeout_s,
       pg_catalog.current_setting('bgwriter_lru_maxpages')::integer AS lru_maxpages,
       pg_catalog.current_setting('block_size')::integer AS block_bytes,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       b.stats_reset AS counted_since,
       greatest(b.stats_reset, w.stats_reset) AS stats_reset
  FROM pg_catalog.pg_stat_bgwriter b
 CROSS JOIN pg_catalog.pg_stat_wal w
 LIMIT %(row_limit)s
-- [server >= 16]
SELECT b.checkpoints_timed AS timed, b.checkpoints_req AS requested,
       b.checkpoint_write_time AS write_ms, b.checkpoint_sync_time AS sync_ms,
       b.buffers_checkpoint, b.buffers_clean, b.maxwritten_clean,
       i.writes AS backend_writes, i.fsyncs AS backend_fsyncs, false AS counts_extends,
       w.wal_records, w.wal_fpi, w.wal_bytes, w.wal_buffers_full,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       EXTRACT(epoch FROM pg_catalog.current_setting('checkpoint_timeout')::interval)::integer AS timeout_s,
       pg_catalog.current_setting('bgwriter_lru_maxpages')::integer AS lru_maxpages,
       pg_catalog.current_setting('block_size')::integer AS block_bytes,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       b.stats_reset AS counted_since,
       greatest(b.stats_reset, w.stats_reset, i.stats_reset) AS stats_reset
  FROM pg_catalog.pg_stat_bgwriter b
 CROSS JOIN pg_catalog.pg_stat_wal w
 CROSS JOIN (SELECT sum(s.writes) AS writes, sum(s.fsyncs) AS fsyncs, max(s.stats_reset) AS stats_reset
               FROM pg_catalog.pg_stat_io s
              WHERE s.backend_type = 'client backend' AND s.object = 'relation' AND s.context = 'normal') i
 LIMIT %(row_limit)s
-- [server >= 17]
SELECT c.num_timed AS timed, c.num_requested AS requested,
       c.write_time AS write_ms, c.sync_time AS sync_ms,
       c.buffers_written AS buffers_checkpoint, b.buffers_clean, b.maxwritten_clean,
       i.writes AS backend_writes, i.fsyncs AS backend_fsyncs, false AS counts_extends,
       w.wal_records, w.wal_fpi, w.wal_bytes, w.wal_buffers_full,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')) AS max_wal_bytes,
       EXTRACT(epoch FROM pg_catalog.current_setting('checkpoint_timeout')::interval)::integer AS timeout_s,
       pg_catalog.current_setting('bgwriter_lru_maxpages')::integer AS lru_maxpages,
       pg_catalog.current_setting('block_size')::integer AS block_bytes,
       pg_catalog.pg_is_in_recovery() AS in_recovery,
       c.stats_reset AS counted_since,
       greatest(c.stats_reset, b.stats_reset, w.stats_reset, i.stats_reset) AS stats_reset
  FROM pg_catalog.pg_stat_checkpointer c
 CROSS JOIN pg_catalog.pg_stat_bgwriter b
 CROSS JOIN pg_catalog.pg_stat_wal w
 CROSS JOIN (SELECT sum(s.writes) AS writes, sum(s.fsyncs) AS fsyncs, max(s.stats_reset) AS stats_reset
               FROM pg_catalog.pg_stat_io s
              WHERE s.backend_type = 'client backend' AND s.object = 'relation' AND s.context = 'normal') i
 LIMIT %(row_limit)s
