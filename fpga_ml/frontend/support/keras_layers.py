"""Records of the classes in keras.layers. Aliases (Convolution2D) are the same class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fpga_ml.frontend.rebuild import over_last_axis
from fpga_ml.frontend.support.base import (
    GATE,
    KERAS_ACTIVATION,
    Record,
    cell,
    given,
    layer,
    other_than,
    refused,
    refused_layer,
    rewrite,
    works,
)

CHANNELS = rewrite("between two permutations", other_than("channels_last"))
DILATION = rewrite("zeros in the kernel", other_than(1))
GROUPS = rewrite("zeros in the kernel", other_than(1))
CAUSAL = rewrite("causal: zeros before the sequence", other_than("valid", "same"))
MULTIPLIER = rewrite("each channel so many times", other_than(1, None))
LORA = rewrite("its product is added to the kernel", given)
_KEEPDIMS = rewrite("a Reshape behind it", given)
_FIRST_OF_FLATTEN = rewrite("a permutation before it", other_than("channels_last"))
_NO_MASK_ZERO = refused("it masks steps, and hardware computes every step", "use sequences of one length, without a mask")
_SPARSE = refused("sparse tensors have no place in hardware", "use sparse=False")

WEIGHTED = {"activation": KERAS_ACTIVATION, "use_bias": works()}
LORAS = {"lora_rank": LORA, "lora_alpha": LORA}
_LORAS_UNUSED = {**LORAS, "gptq_unpacked_column_size": works("before quantize() is called")}


def conv(names: str = "", /, **more: Any) -> Record:
    """names: of options besides those of every convolution."""
    every = {"data_format": CHANNELS, "dilation_rate": DILATION, **WEIGHTED, **more}
    return layer(f"kernel_size strides padding {names}", **every)


_STATES = {
    **dict.fromkeys(("return_sequences", "unroll", "zero_output_for_mask", "cell"), works()),
    "return_state": rewrite("a Walk, and a Pick for each result"),
    "stateful": rewrite("a Walk; of a batch of one"),
    "go_backwards": rewrite("the sequence is reversed before it"),
}


def recurrent(names: str = "", /, **more: Any) -> Record:
    return layer(f"units use_bias {names}", activation=GATE, **_STATES, **more)


_ATTENTION = {
    "flash_attention": works("how Keras computes it, not what"),
    "sliding_window": refused("it is a mask, and hardware computes every position", "leave sliding_window out"),
    "use_gate": works(),
}

_DATA = "do this to the data before they reach the model"
_LEAVE = "leave it out of the model that you convert: it acts in training only"
_VOLUMES = refused_layer(
    "hls4ml has no C++ for volumes", "use layers of one or two dimensions: Conv1D, Conv2D and their poolings convert"
)
_IMAGES_IN_TIME = refused_layer(
    "hls4ml has no C++ of a convolution inside a recurrent cell",
    "use TimeDistributed of convolutions, poolings and Flatten, and an LSTM or GRU behind it",
)
_AUGMENTATION = refused_layer("it changes training data at random", _LEAVE)
_PREPARATION = refused_layer("it prepares data, on the host", _DATA)
_FOREIGN = refused_layer("it runs code of another program", "build the network from layers of Keras")
_BASE = refused_layer("it computes nothing by itself", "use a class that is made from it")
_SPECTRUM = refused_layer(
    "it takes Fourier transforms, of which hls4ml has no C++",
    "give spectra as data; or, for parts linear in the samples, use a Conv1D whose kernels are the window times cosines and"
    " sines",
)
KERAS: dict[str, Record] = {
    "InputLayer": layer(
        "shape batch_size batch_shape input_tensor optional",
        integers="made",
        sparse=_SPARSE,
        ragged=refused("ragged tensors have no place in hardware", "use ragged=False, and sequences of one length"),
    ),
    "Activation": layer(activation=KERAS_ACTIVATION),
    "Dense": layer("units", **WEIGHTED, **LORAS),
    "EinsumDense": layer("equation output_shape bias_axes", "a Dense", activation=KERAS_ACTIVATION, **_LORAS_UNUSED),
    "Embedding": layer("input_dim output_dim weights", mask_zero=_NO_MASK_ZERO, **LORAS),
    "ReversibleEmbedding": layer(
        "input_dim output_dim weights tie_weights logit_soft_cap",
        "an Embedding, and a Dense where it is reversed",
        mask_zero=_NO_MASK_ZERO,
        reverse_dtype=works("values are taken as real numbers"),
        **LORAS,
    ),
    "Identity": layer("", "nothing", integers="moved"),
    # convolutions
    "Conv1D": conv("filters", padding=CAUSAL, groups=GROUPS, **LORAS),
    "Conv2D": conv("filters", groups=GROUPS, **LORAS),
    "DepthwiseConv1D": conv(depth_multiplier=MULTIPLIER),
    "DepthwiseConv2D": conv(depth_multiplier=MULTIPLIER),
    "SeparableConv1D": conv("filters", depth_multiplier=MULTIPLIER),
    "SeparableConv2D": conv("filters", depth_multiplier=MULTIPLIER),
    **{
        name: layer(
            "filters kernel_size strides padding output_padding",
            "a convolution of several filters for each one",
            data_format=CHANNELS,
            dilation_rate=DILATION,
            **WEIGHTED,
        )
        for name in ("Conv1DTranspose", "Conv2DTranspose")
    },
    # poolings
    **{
        f"{kind}Pooling{n}D": layer("pool_size strides padding", data_format=CHANNELS, integers=moved)
        for n in (1, 2)
        for kind, moved in (("Average", ""), ("Max", "moved"))
    },
    **{
        f"Global{kind}Pooling{n}D": layer(data_format=CHANNELS, keepdims=_KEEPDIMS, integers=moved)
        for n in (1, 2)
        for kind, moved in (("Average", ""), ("Max", "moved"))
    },
    **{
        f"Adaptive{kind}Pooling{n}D": layer("output_size", f"{what} of windows", data_format=CHANNELS)
        for n in (1, 2)
        for kind, what in (("Average", "products with the weights"), ("Max", "maxima"))
    },
    # shapes
    "Cropping1D": layer("cropping", integers="moved"),
    "Cropping2D": layer("cropping", integers="moved", data_format=CHANNELS),
    "ZeroPadding1D": layer("padding", integers="moved", data_format=CHANNELS),
    "ZeroPadding2D": layer("padding", integers="moved", data_format=CHANNELS),
    "UpSampling1D": layer("size", integers="moved"),
    "UpSampling2D": layer(
        "size",
        integers="moved",
        data_format=CHANNELS,
        interpolation=rewrite("convolutions, or products with matrices", other_than("nearest")),
    ),
    "Flatten": layer(integers="moved", data_format=_FIRST_OF_FLATTEN),
    "Reshape": layer("target_shape", integers="moved"),
    "Permute": layer("dims", integers="moved"),
    "RepeatVector": layer("n", "UpSampling1D", integers="moved"),
    # normalisation
    "BatchNormalization": layer(
        "epsilon center scale",
        axis=rewrite("between two permutations", lambda value, call: not over_last_axis(call)),
    ),
    "LayerNormalization": layer("axis epsilon center scale"),
    "RMSNormalization": layer("axis epsilon"),
    "GroupNormalization": layer("groups axis epsilon center scale"),
    "UnitNormalization": layer("axis", "a Normalise"),
    "SpectralNormalization": layer("layer", "the layer that it holds", holds=("layer",)),
    # attention
    "Attention": layer(
        "",
        "products of tensors and a Softmax",
        score_mode=works(),
        use_scale=works(),
    ),
    "AdditiveAttention": layer("use_scale score_mode", "sums of tensors, tanh and a Softmax"),
    "MultiHeadAttention": layer(
        "num_heads key_dim value_dim use_bias output_shape attention_axes",
        "EinsumDense layers, products of tensors and a Softmax",
        **_ATTENTION,
    ),
    "GroupQueryAttention": layer(
        "head_dim num_query_heads num_key_value_heads use_bias",
        "EinsumDense layers, products of tensors and a Softmax",
        **_ATTENTION,
    ),
    # merges
    **dict.fromkeys(("Add", "Subtract", "Multiply", "Average"), layer(integers="computed")),
    **dict.fromkeys(("Maximum", "Minimum"), layer(integers="moved")),
    "Concatenate": layer("axis", integers="moved"),
    "Dot": layer("axes", integers="computed", normalize=rewrite("norms before it", given)),
    # activations
    "ReLU": layer(
        "negative_slope",
        max_value=rewrite("a layer with two ends", given),
        threshold=rewrite("a step, and a product with it", other_than(0, None)),
    ),
    "LeakyReLU": layer("negative_slope"),
    "ELU": layer("alpha"),
    "PReLU": layer(shared_axes=rewrite("a parameter for each place", lambda value, call: bool(value))),
    "Softmax": layer(axis=rewrite("several: between permutations", lambda value, call: isinstance(value, (list, tuple)))),
    # recurrent layers
    "SimpleRNN": recurrent(),
    "LSTM": recurrent("use_cudnn", recurrent_activation=GATE),
    "GRU": recurrent("use_cudnn reset_after", recurrent_activation=GATE),
    "RNN": layer("", "the layer of its cell, or several", holds=("cell",), **_STATES),
    "SimpleRNNCell": cell("units use_bias", activation=GATE),
    "LSTMCell": cell("units use_bias", activation=GATE, recurrent_activation=GATE),
    "GRUCell": cell("units use_bias reset_after", activation=GATE, recurrent_activation=GATE),
    "StackedRNNCells": replace(cell("cells"), holds=("cells",)),
    "Bidirectional": layer(
        "layer merge_mode weights backward_layer", "two layers and a merge", holds=("forward_layer", "backward_layer")
    ),
    "TimeDistributed": layer("layer", "the layer that it holds", holds=("layer",)),
    # what acts in training
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D"), layer(integers="moved")),
    **{f"SpatialDropout{n}D": layer("data_format", integers="moved") for n in (2, 3)},
    **dict.fromkeys(("GaussianNoise", "ActivityRegularization"), layer("", "nothing: it acts in training only")),
    # data
    "Rescaling": layer("scale offset", "an Affine"),
    "Normalization": layer("axis mean variance invert", "an Affine"),
    "CategoryEncoding": layer("num_tokens output_mode", "an Embedding of unit vectors", integers="made", sparse=_SPARSE),
    "Discretization": layer(
        "bin_boundaries num_bins epsilon",
        "a staircase",
        integers="made",
        output_mode=refused(
            "no layer stands for it",
            "use output_mode='int', and a CategoryEncoding behind it",
            other_than("int"),
            "int",
        ),
        sparse=_SPARSE,
    ),
    "CenterCrop": layer("height width bounding_box_format factor", "Cropping2D", data_format=CHANNELS),
    "Resizing": layer(
        "height width interpolation antialias crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value"
        " bounding_box_format factor",
        "products with matrices, or an arrangement of pixels",
        integers="computed",
        data_format=CHANNELS,
    ),
    # refused
    "Masking": refused_layer(
        "it masks steps, and hardware computes every step", "leave it out, and train on sequences of one length"
    ),
    "Lambda": refused_layer(
        "a Python function cannot be read",
        "use layers that do the same, or take it out of the model and apply it to the data",
    ),
    **dict.fromkeys(("Layer", "Wrapper"), _BASE),
    "Pipeline": refused_layer("it prepares data, on the host", "call its layers in a row, or " + _DATA),
    **{f"{kind}3D": _VOLUMES for kind in ("Conv", "MaxPooling", "AveragePooling", "ZeroPadding", "Cropping", "UpSampling")},
    **{f"{kind}Pooling3D": _VOLUMES for kind in ("GlobalMax", "GlobalAverage", "AdaptiveMax", "AdaptiveAverage")},
    "Conv3DTranspose": _VOLUMES,
    **{f"ConvLSTM{n}D": _IMAGES_IN_TIME for n in (1, 2, 3)},
    **dict.fromkeys(("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"), _FOREIGN),
    **dict.fromkeys(("STFTSpectrogram", "MelSpectrogram"), _SPECTRUM),
    **dict.fromkeys(("Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"), _PREPARATION),
    **dict.fromkeys(("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"), _PREPARATION),
    "MaxNumBoundingBoxes": _PREPARATION,
    **dict.fromkeys(("AugMix", "CutMix", "MixUp", "RandAugment", "Solarization"), _AUGMENTATION),
    **{
        f"Random{kind}": _AUGMENTATION
        for kind in (
            *("Brightness", "ColorDegeneration", "ColorJitter", "Contrast", "ElasticTransform", "Erasing", "Flip"),
            *("GaussianBlur", "Grayscale", "Hue", "Invert", "Perspective", "Posterization", "Rotation", "Saturation"),
            *("Sharpness", "Shear", "Translation", "Zoom"),
        )
    },
    "RandomCrop": refused_layer(
        "it changes training data at random", "use a CenterCrop: outside training, a RandomCrop crops the centre"
    ),
}
