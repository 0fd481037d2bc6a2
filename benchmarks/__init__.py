"""Measures this project and its peers against the bare operation, in one run; see README.md."""
