"""Asking: rows in a store, made by variants and judges, within one budget."""
