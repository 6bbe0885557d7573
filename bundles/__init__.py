"""Collect, redact, pack and verify the archive that goes to vendor support."""
