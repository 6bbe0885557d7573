-- summary: Bytes of a log file from a place on
-- rows: 1
-- grant: GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO {role}
-- parameter: path string the file below the log directory
-- parameter: start integer first byte
-- parameter: length integer number of bytes
-- [server >= 14]
SELECT pg_catalog.pg_read_binary_file(%(path)s, %(start)s, %(length)s, true) AS content
 LIMIT %(row_limit)s
