"""The line between workers and the coordinator, and what is shared over it."""
