"""The pages people read: pure rendering of `Overview` and `Statement` to HTML, French first.

In: the structs of `footprint.statement` and a language. Out: text. No database, no clock, no
network; a page needs no script and nothing that the service itself does not serve.
"""
