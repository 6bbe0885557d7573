-- summary: One prepared transaction as it is right now
-- rows: 1
-- parameter: gid string global identifier of the prepared transaction
-- grant: GRANT SELECT ON pg_catalog.pg_prepared_xacts TO {role}
-- [server >= 14]
SELECT p.gid,
       p.transaction::pg_catalog.text AS transaction,
       p.owner::pg_catalog.text AS owner,
       p.database::pg_catalog.text AS database,
       p.database = pg_catalog.current_database() AS own_database,
       pg_catalog.pg_has_role(current_user, p.owner, 'USAGE') AS same_role,
       p.prepared AS prepared_at,
       pg_catalog.round(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::numeric, 1) AS prepared_s,
       pg_catalog.age(p.transaction) AS xid_age
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.gid = %(gid)s
 LIMIT %(row_limit)s
