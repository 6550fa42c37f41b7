"""Texts: cut into chunks, searched, quoted and compared."""
