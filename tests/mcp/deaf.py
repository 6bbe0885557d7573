"""A process that hears nothing, says nothing and does not want to end: `python deaf.py FILE` writes its pid there."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1]).write_text(str(os.getpid()))
while True:
    signal.pause()
