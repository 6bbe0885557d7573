"""Screens over the workbench: help and evidence."""
