"""Measurements that anyone can run; each prints ratios of one run."""
