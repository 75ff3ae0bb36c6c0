"""Faults, injected into the real agent and the real service; see RESULTS.md and `make faults`."""
