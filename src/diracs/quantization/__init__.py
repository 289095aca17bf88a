"""Quantization: the front door, its result, and the questions that it answers."""
