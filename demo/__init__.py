"""The demonstration: two real AI workloads on this host, metered from joules to a statement.

In: this host, a request trace, a language model's weights. Out: a live table of power, joules and
grams per SIA, a statement, and checks that the figures are exact. `make demo` starts `demo.run`.
"""
