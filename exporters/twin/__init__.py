"""A simulated host with known true energy, seen through the real interfaces."""
