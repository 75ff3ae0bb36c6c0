"""The grid by quarter-hour."""
