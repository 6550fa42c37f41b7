"""What governs calls: models, limits, retries, recording, the run report."""
