"""Jets: what turns a simulated jet into the numbers that reach the network, in training and in hardware alike."""
