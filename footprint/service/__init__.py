"""The service: takes pages in, keeps them, and renders statements from them. `app.py` wires it."""
