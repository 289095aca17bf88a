"""Where the Diracs go: codebooks on blocks of a rotated frame, one scheme per group of components."""
