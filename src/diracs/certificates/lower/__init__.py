"""Lower bounds: what no n points can beat."""
