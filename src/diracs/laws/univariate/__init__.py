"""Laws on the line by family, location and scale: those of scipy.stats and torch.distributions."""
