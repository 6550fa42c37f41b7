"""Flow: plan, workers, rounds, close - the engine of every graph over sections."""
