"""From files to articles: walk folders, decode, read formats, clean, choose fields.

A file passes through ``walk``, ``pipeline`` and one of ``formats``, which uses ``decode`` with
``encodings``, ``frontmatter`` and, for HTML, ``page``. Then ``pipeline`` chooses the fields:
``identity``, ``titles``, ``sources``, ``authors``, ``body`` and ``dates``. Nothing here depends
on indexes or queries.
"""
