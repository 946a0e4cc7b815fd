"""Speed, size and correctness of newsgrep beside what people would use instead.

Not part of the package: it is run from a checkout with ``python -m bench.run``.
"""
