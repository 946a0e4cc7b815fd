"""From files to records: the article-shaped parts of a file, each with a locator.

A file of HTML, Markdown or text is one record. A dump, a crawl, a mailbox, a feed or an archive
has any number of them, and is read as a stream.
"""
