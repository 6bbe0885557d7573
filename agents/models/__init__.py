"""Language models: what is said to them and what comes back, whichever vendor stands behind."""
