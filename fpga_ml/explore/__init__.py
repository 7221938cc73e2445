"""Searching for the best hardware of a model."""
