# Tables and a chart from counts.csv and kwic.csv, as newsgrep writes them.

counts <- read.csv("counts.csv", colClasses = c(bin = "character"))
table <- xtabs(count ~ bin + query, counts)
print(table)

lines <- read.csv("kwic.csv")
year <- substr(lines$published, 1, 4)
print(data.frame(
  year = sort(unique(year)),
  occurrences = as.vector(table(year)),
  articles = as.vector(tapply(lines$id, year, function(id) length(unique(id))))
))

cairo_pdf("counts.pdf", width = 6, height = 3, family = "Noto Serif CJK SC")
barplot(t(table), beside = TRUE, legend.text = TRUE, ylab = "articles")
invisible(dev.off())
