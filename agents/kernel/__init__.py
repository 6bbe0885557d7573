"""The words every part of the house shares: evidence, finding, remedy, event, tool; and the one executor."""
