"""A disposable PostgreSQL server with a real incident on it, for practice, pictures and tests."""
