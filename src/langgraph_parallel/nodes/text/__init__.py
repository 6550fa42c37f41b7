"""Texts: cut, searched, quoted and compared."""
