"""What is approximated: Gaussian mixtures, and what approximates: sums of Diracs."""
