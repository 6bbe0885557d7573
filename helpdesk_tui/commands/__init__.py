"""One module for each command of `helpdesk`; imported when the command runs."""
