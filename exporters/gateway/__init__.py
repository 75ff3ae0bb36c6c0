"""Usage of shared model servers: who asked them for how many tokens, read from gateways."""
