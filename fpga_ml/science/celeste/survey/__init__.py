"""From a survey's images to a catalogue: detection, tiles of the sky, one task each, and what they found together."""
