"""Typed layers: what each computes on integer tensors (the emulator), and how it lowers to the kernel IR."""
