"""Celeste: sources in telescope images (Regier et al. 2015), fitted through a pixel-likelihood kernel that can be hardware."""
