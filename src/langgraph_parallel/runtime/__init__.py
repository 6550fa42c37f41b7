"""The runtime of calls: models, limits, retries, recording and the run report."""
