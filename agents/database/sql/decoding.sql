-- summary: Logical slots: transactions and bytes that decoding spilled to disk since the counters were reset
-- grant: GRANT pg_monitor TO {role}
-- [server >= 14]
SELECT s.slot_name, s.spill_txns, s.spill_count, s.spill_bytes, s.stream_bytes, s.total_bytes,
       pg_catalog.current_setting('logical_decoding_work_mem') AS work_mem,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('logical_decoding_work_mem')) AS work_mem_bytes,
       s.stats_reset
  FROM pg_catalog.pg_stat_replication_slots s
 ORDER BY s.spill_bytes DESC, s.slot_name
 LIMIT %(row_limit)s
