"""Scenarios for users who come from other frameworks, one file for each of these."""
