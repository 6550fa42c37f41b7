"""Sentences, and the similarity of texts."""
