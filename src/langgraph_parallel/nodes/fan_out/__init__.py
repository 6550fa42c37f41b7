"""Fan-out and join: one branch for each piece of work, and the results that come back."""
