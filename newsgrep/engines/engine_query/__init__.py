"""What engines share that answer whole queries by themselves: what they keep, what they are asked.

A query tree becomes clauses over a few fields, each of which such an engine has natively;
what only a text can tell is looked up first, and becomes a clause over ids.
"""
