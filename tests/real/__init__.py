"""Tests with servers by others: a real small model, a mock server, a proxy."""
