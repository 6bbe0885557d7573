"""The workbench: app, panes, session, settings and the command line."""
