"""The four panes: each a state that events feed, and a widget that shows it."""
