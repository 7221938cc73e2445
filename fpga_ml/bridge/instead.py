"""What to use in the place of layers, activations and settings that do not convert but that people often have."""

from __future__ import annotations

from collections.abc import Mapping

from fpga_ml.activations import ACTIVATIONS
from fpga_ml.errors import closest

_DATA = "do this to the data before they reach the model"
_TRAINING = "leave it out of the model that you convert: it acts in training only"
_IMAGES = "use TimeDistributed of convolutions, poolings and Flatten, and an LSTM or GRU behind it"
_FLAT = "use layers of one or two dimensions: Conv1D, Conv2D and their poolings convert"
_LAYERS: Mapping[str, str] = {
    "Normalization": (
        "use a BatchNormalization with the same mean and variance, or normalise the data before they reach the model"
    ),
    "Rescaling": "use a BatchNormalization with this scale and offset, or scale the data before they reach the model",
    "Masking": "leave it out and give sequences of one length: hardware computes every step",
    "SpectralNormalization": "use the layer that it wraps: after training, its weights are plain numbers",
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization"), _TRAINING),
    **dict.fromkeys(("Discretization", "CategoryEncoding", "Hashing", "HashedCrossing", "IntegerLookup"), _DATA),
    **dict.fromkeys(
        ("StringLookup", "TextVectorization", "Resizing", "CenterCrop", "MelSpectrogram", "STFTSpectrogram"), _DATA
    ),
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells"), "put it into an RNN layer, which converts"),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _IMAGES),
    "Conv1DTranspose": "use UpSampling1D and a Conv1D behind it",
    "Conv2DTranspose": "use UpSampling2D and a Conv2D behind it",
    "RepeatVector": "use UpSampling1D behind a Reshape to one step",
    **dict.fromkeys(
        ("Conv3D", "Conv3DTranspose", "MaxPooling3D", "AveragePooling3D", "ZeroPadding3D", "UpSampling3D"), _FLAT
    ),
    **dict.fromkeys(("Cropping3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D"), _FLAT),
    "ThresholdedReLU": "use ReLU(threshold=...)",
    "GarNet": "build it of Dense, Dot and Softmax, which convert",
    "RandomCrop": "use CenterCrop, which is what it does outside training",
    "TFSMLayer": "give the Keras model that it was exported from",
}

_QUANTIZERS: Mapping[str, str] = {
    "bernoulli": "use binary(use_01=True), or stochastic_binary: bernoulli draws at random in inference too",
    "quantized_ulaw": "use quantized_bits or quantized_tanh: the values of quantized_ulaw are logarithms, of no fixed point",
}


def for_layer(kind: str) -> str:
    """What to do about a layer of a class that does not convert."""
    return _LAYERS.get(kind, "replace it by layers that convert: `fpga-ml doctor --layers` lists them")


def for_activation(name: str, allowed: frozenset[str]) -> str:
    """What to do about an activation that does not convert."""
    known = ACTIVATIONS.get(name)
    if known is not None and known.instead:
        return known.instead
    if name in _QUANTIZERS:
        return _QUANTIZERS[name]
    near = closest(name, allowed)
    return f"did you mean '{near}'?" if near else f"use one of {', '.join(sorted(allowed))}"
