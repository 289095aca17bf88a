"""Certified point sets for one block of axes."""
