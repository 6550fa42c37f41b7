"""Exit codes of the command line."""

OK = 0
FOUND = 1
"""A gate failed, a vote is undecided, a completion policy was not met, or there is no result."""
USAGE = 2
"""The command line is not usable, or no model answered."""
INTERRUPTED = 130
