"""Tests of reducers."""
