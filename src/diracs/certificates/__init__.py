"""Bounds on the Wasserstein distance, above and below."""
