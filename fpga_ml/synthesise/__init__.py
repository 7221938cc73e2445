"""Synthesis of a project's RTL: how much of a device it takes, which clock it reaches, and what holds the clock back."""
