-- summary: Collations and databases whose order was recorded with another version of the library, with indexes that use them
-- [server >= 14]
SELECT 'collation' AS kind,
       pg_catalog.format('%%I.%%I', n.nspname, c.collname) AS name,
       c.collversion AS recorded,
       pg_catalog.pg_collation_actual_version(c.oid) AS actual,
       x.indexes, x.listed
  FROM pg_catalog.pg_collation c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
 CROSS JOIN LATERAL (SELECT count(*) AS indexes,
                            (pg_catalog.array_agg(pg_catalog.format('%%I.%%I', s.nspname, k.relname) ORDER BY k.relpages DESC))[1:20] AS listed
                       FROM pg_catalog.pg_index i
                       JOIN pg_catalog.pg_class k ON k.oid = i.indexrelid
                       JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace
                      WHERE c.oid = ANY (i.indcollation::oid[])) x
 WHERE c.collversion IS NOT NULL AND c.collversion IS DISTINCT FROM pg_catalog.pg_collation_actual_version(c.oid)
 ORDER BY x.indexes DESC, name
 LIMIT %(row_limit)s
-- [server >= 15]
SELECT m.kind, m.name, m.recorded, m.actual, x.indexes, x.listed
  FROM (SELECT 'collation' AS kind, c.oid AS collation,
               pg_catalog.format('%%I.%%I', n.nspname, c.collname) AS name,
               c.collversion AS recorded,
               pg_catalog.pg_collation_actual_version(c.oid) AS actual
          FROM pg_catalog.pg_collation c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
         WHERE c.collversion IS NOT NULL
        UNION ALL
        SELECT 'database', CASE WHEN d.datname = pg_catalog.current_database() THEN 100::oid END, d.datname,
               d.datcollversion, pg_catalog.pg_database_collation_actual_version(d.oid)
          FROM pg_catalog.pg_database d
         WHERE d.datcollversion IS NOT NULL) m
 CROSS JOIN LATERAL (SELECT count(*) AS indexes,
                            (pg_catalog.array_agg(pg_catalog.format('%%I.%%I', s.nspname, k.relname) ORDER BY k.relpages DESC))[1:20] AS listed
                       FROM pg_catalog.pg_index i
                       JOIN pg_catalog.pg_class k ON k.oid = i.indexrelid
                       JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace
                      WHERE m.collation = ANY (i.indcollation::oid[])) x
 WHERE m.recorded IS DISTINCT FROM m.actual
 ORDER BY x.indexes DESC, m.kind, m.name
 LIMIT %(row_limit)s
