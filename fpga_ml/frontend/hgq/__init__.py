"""Models that were trained with HGQ2."""
