"""The command `map`: any graph over many items."""
