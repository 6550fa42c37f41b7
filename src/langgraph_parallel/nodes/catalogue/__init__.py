"""The patterns of the catalogue: what each plans, whom it asks, and what it makes of the results."""
