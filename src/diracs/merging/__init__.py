"""Cells of a law, merged into few points: weighted k-means with exact accounting."""
