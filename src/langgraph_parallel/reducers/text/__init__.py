"""Sentences and their similarity."""
