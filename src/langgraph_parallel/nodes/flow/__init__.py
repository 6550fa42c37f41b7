"""A flow: plan, workers, rounds, close."""
