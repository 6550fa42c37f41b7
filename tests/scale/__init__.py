"""Tests of runs over many items."""
