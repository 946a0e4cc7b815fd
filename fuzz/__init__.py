"""Fuzzing: unusual inputs, and conditions that must be true for every one of them.

``python -m fuzz.run TARGET --seconds N`` searches for inputs that break a promise, guided by
the coverage of newsgrep's modules (atheris); ``tests/fuzz/test_fuzz.py`` is its short form.
"""
