"""Fan-out and join: one branch for each piece of work, and what comes back."""
