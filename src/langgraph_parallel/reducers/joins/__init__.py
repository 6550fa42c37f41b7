"""Joins: one result from the results of several branches."""
