"""The work of the command `review`."""
