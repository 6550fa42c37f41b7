"""Sources: where items come from, read as a stream."""
