"""What stands beside the compiler: data, training, catalogues."""
