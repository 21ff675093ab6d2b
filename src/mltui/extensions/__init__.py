"""What people add to the agent by files: skills, commands, hooks and MCP servers. Read here, carried out elsewhere."""
