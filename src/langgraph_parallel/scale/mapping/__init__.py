"""Mappings: of columns to inputs, and of outputs to columns."""
