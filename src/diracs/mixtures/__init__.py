"""What is done with whole Gaussian mixtures: fits to points, fewer components."""
