"""A network as a C++ library that needs nothing: the same function as its RTL, for the software of an experiment."""
