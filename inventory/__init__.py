"""What we own, how to reach it, and how it is right now."""

__version__ = "0.1.0"
