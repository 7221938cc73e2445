"""Bare Keras operations in a model, such as x[:, 3], a + b or ops.exp(x), as layers of the same function."""
