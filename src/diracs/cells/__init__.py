"""Moments of cells."""
