"""The graphs as tools of an MCP server. Needs the extra `mcp`; the command `mcp` starts it."""
