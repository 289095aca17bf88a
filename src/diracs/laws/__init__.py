"""What is approximated: Gaussian mixtures, images, samples; and what approximates: sums of Diracs."""
