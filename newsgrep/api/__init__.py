"""The Python API: ``newsgrep.open``, ``newsgrep.index``, ``newsgrep.extract`` and their values.

Programs import these names from :mod:`newsgrep`, which loads them when they are used. Nothing here
matches, ranks or counts: methods call :mod:`newsgrep.search` and :mod:`newsgrep.views`, as the
commands do.
"""
