"""Science beside the compiler: jets, tracks, Celeste, and the trained models. It imports the compiler, never the other way
round."""
