"""Tests of the action for code hosts."""
