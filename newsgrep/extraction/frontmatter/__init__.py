"""Front matter, and what clippers and programs that save pages write beside an article."""
