"""The classes and functions that a model's file may name: they compute, and neither run code of the file nor read other
files.

What is not here is not built, in whatever format it stands. Beside these, a file may name what the user's own program has
registered with Keras. Tests hold the lists against the installed Keras, QKeras and HGQ2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from fpga_ml.activations import ACTIVATIONS
from fpga_ml.frontend.hgq.files import is_of_hgq


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODELS = frozenset(["Sequential", "Functional", "Model"])
LAYERS = _names("""
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D
    Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Identity InputLayer LSTM
    LSTMCell LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum
    MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN RandomBrightness RandomContrast RandomCrop
    RandomFlip RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
    STFTSpectrogram SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D
    UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """)
QUANTIZERS = _names("""
    bernoulli binary quantized_bits quantized_hswish quantized_linear quantized_po2 quantized_relu quantized_relu_po2
    quantized_sigmoid quantized_tanh quantized_ulaw stochastic_binary stochastic_ternary ternary
    """)
QKERAS = QUANTIZERS | _names("""
    Clip QActivation QAdaptiveActivation QAveragePooling2D QBatchNormalization QBidirectional QConv1D QConv2D QConv2DBatchnorm
    QConv2DTranspose QDense QDenseBatchnorm QDepthwiseConv2D QDepthwiseConv2DBatchnorm QDepthwiseConv2DTranspose QGRU QGRUCell
    QGlobalAveragePooling2D QInitializer QLSTM QLSTMCell QScaleShift QSeparableConv1D QSeparableConv2D
    QSeparableConv2DTranspose QSimpleRNN QSimpleRNNCell
    """)
# HGQ2 registers all of its classes with Keras, also what others are made from and what it may bring in the future.
HGQ2 = _names("""
    ATan Constant DefaultBitwidthMapper HardSigmoidConfig HardTanhConfig LIFCell Max Min MinMax MonoL1 QAdd
    QAffinedUnaryFunctionLUT QAveragePooling1D QAveragePooling2D QAveragePooling3D QAveragePow2 QBatchNormDense
    QBatchNormalization QConv1D QConv2D QConv3D QConvT1D QConvT2D QDense QDenseT QDot QEinsum QEinsumDense QEinsumDenseBatchnorm
    QEinsumDenseT QGRU QGRUCell QGlobalAveragePooling1D QGlobalAveragePooling2D QGlobalAveragePooling3D QGlobalMaxPooling1D
    QGlobalMaxPooling2D QGlobalMaxPooling3D QLIF QLIFCell QLinformerAttention QLinformerAttentionT QMaxPooling1D QMaxPooling2D
    QMaxPooling3D QMaximum QMeanPow2 QMinimum QMultiHeadAttention QMultiHeadAttentionT QMultiply QSALTAttention QSimpleRNN
    QSimpleRNNCell QSimpleSNN QSimpleSNNCell QSoftmax QSubtract QSum QUnaryFunctionLUT Quantizer QuantizerConfig
    SpikingNeuralCell
    """)
# hls4ml reads these from a Keras-2 file; here they are built as other layers, or not at all.
HLS4ML = frozenset(
    ["BinaryDense", "TernaryDense", "ThresholdedReLU", "GarNet", "GarNetStack", "FixedPointQuantizer", "UnaryLUT"]
)
TRAINING = {
    "initializers": _names("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal
    OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    """),
    "regularizers": frozenset(["L1", "L1L2", "L2", "OrthogonalRegularizer"]),
    "constraints": frozenset(["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"]),
}
POLICIES = frozenset(["DTypePolicy", "FloatDTypePolicy", "DTypePolicyMap", "QuantizedDTypePolicy", "Policy"])
PLAIN = frozenset(
    ["__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__ellipsis__", "__bytes__", "__slice__", "TensorShape"]
)
_HOMES: Mapping[str, frozenset[str]] = {
    "": MODELS | POLICIES,
    "layers": LAYERS,
    "models": MODELS,
    "dtype_policies": POLICIES,
    **TRAINING,
}
_OPERATIONS = ("core", "einops", "image", "linalg", "math", "nn", "numpy")  # modules of keras.src.ops
_CALL_FUNCTIONS = frozenset(
    ["Map", "Scan", "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond", "VectorizedMap", "JVP", "Function"]
)


def is_listed(entry: Mapping[str, Any]) -> bool:
    """Of an entry {class_name, config[, module, registered_name]}, however Keras 2 or 3 looks it up."""
    name, module, registered = entry.get("class_name"), entry.get("module"), entry.get("registered_name")
    if not isinstance(name, str):
        return False
    if name in PLAIN:
        return True
    if name == "function":
        return is_function(entry.get("config"), module)
    short = name.split(">")[-1]
    for found in map(_registered, (registered, name)):
        if getattr(found, "__name__", None) == short:
            return not is_of_hgq(found) or short in HGQ2
    if not module:
        return short in LAYERS | MODELS | QKERAS | HLS4ML | POLICIES or any(short in names for names in TRAINING.values())
    home, *inner = [part for part in str(module).split(".") if part != "src"]
    if home == "qkeras":
        return short in QKERAS
    if home != "keras":
        return False
    if inner[:1] == ["ops"]:
        return inner[1:] in [[m] for m in _OPERATIONS] and short not in _CALL_FUNCTIONS and short[:1].isupper()
    return short in _HOMES.get(inner[0] if inner else "", ())


def is_function(name: Any, module: Any = None) -> bool:
    """Of an activation of Keras or QKeras, or what the user has registered."""
    found = _registered(name)
    if found is not None:
        return not is_of_hgq(found)  # which has classes only
    ours = module in (None, "builtins") or str(module).startswith(("keras.activations", "keras.src.activations"))
    return ours and isinstance(name, str) and name in ACTIVATIONS


def is_quantizer(text: str) -> bool:
    """Of what QKeras makes a quantizer of: a name, or one with arguments, quantized_bits(8, 2); QKeras looks it up in all of
    its module."""
    name, bracket, _ = text.partition("(")
    return name in QUANTIZERS or (not bracket and is_function(name))


def _registered(name: Any) -> Any:
    """With Keras, as PACKAGE>NAME, by the user's program or by a library; None for another."""
    return keras.saving.get_registered_object(name) if isinstance(name, str) else None
