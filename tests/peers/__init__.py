"""Scenarios of users who come from other frameworks, told with this package."""
