"""Evaluations: statistics, scorers, runs, the command."""
