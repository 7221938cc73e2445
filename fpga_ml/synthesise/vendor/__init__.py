"""Vendor tools: the scripts that run them, and what their reports say."""
