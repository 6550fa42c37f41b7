"""Tests of replays of recorded runs."""
