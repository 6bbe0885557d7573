"""Inventory: what we own and how it is right now."""
