"""footprint: the environmental footprint of a ministry's AI systems, from joules to statements.

The modules directly in this package are the method: pure Python, no I/O, no clock. `service` and
`portal` are the rooms around it. METHOD.md beside this file says the method in words.
"""

__version__ = "0.1.0"

METHOD_VERSION = "2026.4"
"""Version of METHOD.md that every page and statement names."""
