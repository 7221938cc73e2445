"""hls4ml layers as typed layers, one file a family; what each reads is in `registry.READERS`."""
