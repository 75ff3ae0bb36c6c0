"""Whatever comes in from outside, an input of any bytes ends in a value or in a documented error.

`python -m tests.fuzz` drives each target under atheris, guided by coverage, from real inputs.
"""
