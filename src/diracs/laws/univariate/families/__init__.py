"""One file per family of standard laws, or group of families."""
