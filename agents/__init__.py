"""Everything behind the A2A line: protocol, kernel, governance, log, and one folder for each expert."""
