"""Measurements of newsgrep beside what people would use instead.

Not part of the package: run it from a checkout with ``python -m bench.run``.
"""
