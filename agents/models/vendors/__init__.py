"""One module for each vendor: our words in its own, its stream in ours."""
