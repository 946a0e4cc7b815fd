"""Files become articles: finding, decoding, taking apart, cleaning, dating.

Nothing here knows of indexes or queries.
"""
