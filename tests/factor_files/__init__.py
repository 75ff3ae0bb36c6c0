"""Factors from files as published."""
