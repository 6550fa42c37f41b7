"""The code review."""
