"""The fixed-point dataflow graph: kernels (pure functions of scalars) and networks (processes joined by channels)."""
