"""HTML pages: elements, passages of text, the selection of the article, and metadata."""
