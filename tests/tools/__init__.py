"""Tests of graphs as tools of agents."""
