"""Ballots: counted, compared, and decided."""
