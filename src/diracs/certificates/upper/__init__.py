"""Upper bounds: couplings of a law with given Diracs."""
