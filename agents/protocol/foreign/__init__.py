"""What other makers' agents send, read as our own events, and our decisions written in their words."""
