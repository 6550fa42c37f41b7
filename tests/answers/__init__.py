"""Tests of what models answer."""
