"""The second mind of an expert: a model that reads through the same tools, and can change nothing by itself."""
