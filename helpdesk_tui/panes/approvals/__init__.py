"""Approvals: what waits for a decision, and the card it is decided from."""
