"""The life of an index: creating, updating, verifying, rebuilding and copying it.

:mod:`newsgrep.index.store` has the index as an object, in a folder or on a server;
:mod:`newsgrep.index.update` is what ``newsgrep index`` does. Nothing here searches.
"""
