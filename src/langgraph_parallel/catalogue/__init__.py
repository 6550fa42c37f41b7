"""Graphs by name: those of this package, and those of the user's own modules."""
