"""Claims of reviewers, united into findings."""
