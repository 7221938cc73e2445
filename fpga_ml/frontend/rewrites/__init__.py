"""A model as it was given, rewritten into layers of which hls4ml's C++ computes the same function.

Each rewrite takes a Keras model and gives one of the same function in exact arithmetic: the model itself where it finds
nothing to do. What cannot be rewritten it refuses, naming the layer and what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fpga_ml.frontend.rewrites.activations import exact_activations
from fpga_ml.frontend.rewrites.attention import spelled_attention
from fpga_ml.frontend.rewrites.broadcast import spread_merges
from fpga_ml.frontend.rewrites.channels import channels_last
from fpga_ml.frontend.rewrites.composed import composed_activations
from fpga_ml.frontend.rewrites.einsum import dense_einsums
from fpga_ml.frontend.rewrites.far import far_layers
from fpga_ml.frontend.rewrites.folded_norms import folded_normalisations
from fpga_ml.frontend.rewrites.kernels import plain_kernels
from fpga_ml.frontend.rewrites.merged import merged_weights
from fpga_ml.frontend.rewrites.opened import opened
from fpga_ml.frontend.rewrites.pairs import pairwise_merges
from fpga_ml.frontend.rewrites.permutations import fewer_permutations
from fpga_ml.frontend.rewrites.plain import plain_layers
from fpga_ml.frontend.rewrites.plain_qkeras import plain_qkeras
from fpga_ml.frontend.rewrites.relus import plain_relus
from fpga_ml.frontend.rewrites.resampled import plain_resampling
from fpga_ml.frontend.rewrites.reversible import reversed_embeddings
from fpga_ml.frontend.rewrites.scales import folded_affines
from fpga_ml.frontend.rewrites.transposed import plain_transposed
from fpga_ml.frontend.rewrites.unit import unit_normalisations
from fpga_ml.frontend.rewrites.weights import exact_weights
from fpga_ml.frontend.unwrap import unwrapped

# In this order: later ones see only what earlier ones leave.
REWRITES: tuple[Callable[[Any], Any], ...] = (
    opened,  # all others know layers only
    unwrapped,
    merged_weights,  # all that follow read weights by their names
    plain_qkeras,  # before the rewrites of weights and activations, which its layers have
    folded_normalisations,  # what a TimeDistributed held may be one; its quantizers are for exact_weights
    channels_last,  # all that follow count channels from the end
    plain_layers,
    plain_relus,
    unit_normalisations,
    reversed_embeddings,
    spelled_attention,
    plain_resampling,
    dense_einsums,  # behind those that make such layers
    far_layers,  # einsums become such layers, and scales of weights stand behind them
    exact_weights,
    plain_kernels,  # their zeros are put among weights that are numbers
    plain_transposed,
    folded_affines,  # behind what gives layers the weights into which they fold
    composed_activations,  # behind exact_weights, which may put an activation behind a layer; leaves roundings to the next
    exact_activations,
    pairwise_merges,
    spread_merges,
    fewer_permutations,
)


def rewritten(model: Any) -> Any:
    """A functional model after all rewrites."""
    for rewrite in REWRITES:
        model = rewrite(model)
    return model
