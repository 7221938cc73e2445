"""Whole builds: many kinds of models, from Keras to RTL."""
