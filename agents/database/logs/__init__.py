"""The server's own log: any line prefix, CSV or JSON, as records that name SQLSTATE, process and what happened."""
