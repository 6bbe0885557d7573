"""MCP: servers whose tools become tools of an expert, and our own reads for other clients.

The library of the same name is imported where a server is reached, never with this package.
"""
