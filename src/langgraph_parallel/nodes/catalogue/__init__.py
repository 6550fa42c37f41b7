"""The other patterns, one module each."""
