"""Votes: counting ballots, deciding, stopping early, and comparing voters."""
