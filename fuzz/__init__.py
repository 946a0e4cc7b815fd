"""Fuzzing: inputs that nobody would write, and what has to hold for every one of them.

``python -m fuzz.run TARGET --seconds N`` searches for inputs that break a promise, led by
the coverage of newsgrep's own modules (atheris); ``tests/test_fuzz.py`` is its short form.
"""
