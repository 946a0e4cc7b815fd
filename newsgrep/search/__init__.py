"""The use cases of searching: search, rerank, highlight, explain, diagnose, batch, alerts."""
