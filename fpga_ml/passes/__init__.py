"""Rewrites that preserve meaning. Folding, common values and dead code are the builder's own; see ir/kernel/builder.py."""
