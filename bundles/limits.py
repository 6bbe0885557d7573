"""Sizes, in bytes: what a bundle may hold, and what a stranger's file may cost to read.

The caps are those that support desks accept by mail and ticket; the reading limits leave ten times that.
"""

from __future__ import annotations

FILE_BYTES = 64_000_000
"""One file inside a bundle."""
BUNDLE_BYTES = 100_000_000
"""All files together, before compression, unless the caller allows more."""
LINE_BYTES = 8_000_000
"""One line of a JSON Lines file: it is parsed as a whole."""
SMALL_FILE_BYTES = 8_000_000
"""The manifest and the lists of checksums, which are read as a whole."""

READ_BYTES = 1_000_000_000
"""An archive, unpacked: reading stops here."""
FILES = 10_000
"""Files in an archive, written or read."""
READ_PROBLEMS = 50
"""Problems told one by one; the rest are counted."""
