"""Semi-discrete optimal transport: plans, distances, Lloyd, derivatives."""
