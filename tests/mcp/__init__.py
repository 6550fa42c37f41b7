"""Tests of the MCP server, with the client of the official SDK."""
