"""Trace: the live tree of task, expert and tool."""
