"""Agents: who can be asked, and how each is right now."""
