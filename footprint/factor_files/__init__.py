"""Factors from files as their publishers write them: one module a format."""
