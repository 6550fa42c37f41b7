"""Sinks: where the rows of results go, each key once."""
