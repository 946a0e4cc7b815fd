"""From files to articles: walk folders, decode, read formats, clean, choose fields.

A file passes through ``walk``, ``pipeline``, one of ``formats``, ``decode``, ``frontmatter``,
``dom``, ``clean`` and ``metadata``; then ``pipeline`` chooses the fields with ``outlets``,
``bylines`` and ``dates``. Nothing here depends on indexes or queries.
"""
