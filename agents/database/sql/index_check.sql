-- summary: Checks one B-tree index against its table with amcheck: it fails where they disagree
-- rows: 1
-- parameter: index string name of the index
-- extension: amcheck
-- limit_ms: 10000
-- grant: GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO {role}
-- [server >= 14]
SELECT c.checked::pg_catalog.text AS checked
  FROM (SELECT {extension}.bt_index_check(%(index)s::pg_catalog.regclass, true) AS checked) c
 LIMIT %(row_limit)s
