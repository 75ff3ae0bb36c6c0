"""A simulated pair of shared model servers behind one gateway, with a known truth."""
