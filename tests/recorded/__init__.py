"""Tests of the records of runs."""
