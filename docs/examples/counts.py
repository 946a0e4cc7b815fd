"""Tables from counts.csv and kwic.csv, as newsgrep writes them."""

import pandas as pd

counts = pd.read_csv("counts.csv", dtype={"bin": str})
print(counts.pivot(index="bin", columns="query", values="count"))

lines = pd.read_csv("kwic.csv")
lines["year"] = lines["published"].str[:4]
print(lines.groupby("year").agg(occurrences=("id", "size"), articles=("id", "nunique")))
