"""The agent's figures beside CodeCarbon's, on one host over one interval."""
