"""Certificates recomputed in ball arithmetic."""
