"""A fleet's days into PostgreSQL, with faults, to the microjoule: `make soak`."""
