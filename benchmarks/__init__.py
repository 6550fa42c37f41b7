"""Reproducible measurements; each prints ratios of one run."""
