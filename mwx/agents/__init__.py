"""World-model agents: they know nothing of robots, motion or tasks."""
