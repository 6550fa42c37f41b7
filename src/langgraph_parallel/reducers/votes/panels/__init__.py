"""Panels of voters: how dependent they are, what they promise, and which voters are worth their price."""
