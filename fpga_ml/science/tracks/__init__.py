"""Charged-particle tracks through a simple detector: simulation, the classical Kalman filter, figures of merit."""
