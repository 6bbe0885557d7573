"""The A2A line between the workbench and the experts: server, local child process, client."""

from __future__ import annotations

import os

# The SDK reads this once, when it is imported; its tracing would write to stderr.
os.environ["OTEL_INSTRUMENTATION_A2A_SDK_ENABLED"] = "false"
