"""The patterns as factories of compiled graphs. Wiring only."""
