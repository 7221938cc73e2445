"""Mutation testing of emitted RTL: single faults, and whether the co-simulation sees them."""
