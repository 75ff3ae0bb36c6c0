"""A simulated host whose true energy is known, seen by the agent through real interfaces."""
