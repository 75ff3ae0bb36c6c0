"""A simulated fleet of agents against a running service, which accounts for every microjoule."""
