"""aiHelpDesk's policies and users as ours: read strictly, never wider than they are there."""
