"""`python -m helpdesk_tui` is the `helpdesk` command."""

import sys

from helpdesk_tui.cli import main

sys.exit(main())
