"""Uses of the public API that mypy has to accept."""
