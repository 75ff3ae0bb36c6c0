"""The electricity grid by quarter-hour: what generated it, and what each kWh of it emits."""
