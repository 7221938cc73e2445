"""Records of QKeras' layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fpga_ml.frontend.support.base import ACTIVATION, Record, layer, refused_layer, rewrite, works
from fpga_ml.frontend.support.keras_layers import KERAS, recurrent

_QUANTIZER = works("scaled and power-of-two ones by a rewrite")
_ONE_KERNEL = {"kernel_quantizer": _QUANTIZER, "bias_quantizer": _QUANTIZER}
_DEPTHWISE = {"depthwise_quantizer": _QUANTIZER, "bias_quantizer": _QUANTIZER}
_SEPARABLE = {**_DEPTHWISE, "pointwise_quantizer": _QUANTIZER}
_CELL = {name: works() for name in ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer", "state_quantizer")}
_NO_LORA = dict.fromkeys(("lora_rank", "lora_alpha"), works("QKeras does not take it"))
_QACTIVATION = {"activation": ACTIVATION}
_FOLDED = {
    **dict.fromkeys(("epsilon", "folding_mode"), works()),
    **dict.fromkeys(("center", "scale"), works("without it QKeras stops")),
    "axis": works("that of the channels"),
}


def _like(name: str, **more: Any) -> Record:
    """As the Keras layer of that name, with these options besides."""
    record = KERAS[name]
    lora = {k: v for k, v in _NO_LORA.items() if k in record.options}
    return Record(record.verdict, record.note, record.do, {**record.options, **_QACTIVATION, **lora, **more}, record.holds)


def _cell(name: str) -> Record:
    record = KERAS[name]
    more = {} if name == "SimpleRNNCell" else {"implementation": works("QKeras has one")}
    return replace(record, options={**record.options, **_CELL, **more})


def _recurrent(name: str) -> Record:
    """Its arguments are those of its cell too."""
    record, own = recurrent(), _cell(f"{name}Cell")
    return replace(record, options={**record.options, **own.options})


QKERAS: dict[str, Record] = {
    "QActivation": layer(**_QACTIVATION),
    "QDense": _like("Dense", **_ONE_KERNEL),
    "QConv1D": _like("Conv1D", **_ONE_KERNEL),
    "QConv2D": _like("Conv2D", **_ONE_KERNEL, mask=rewrite("zeros in the kernel", lambda value, call: value is not None)),
    "QConv2DTranspose": _like("Conv2DTranspose", **_ONE_KERNEL),
    "QDepthwiseConv2D": _like("DepthwiseConv2D", **_DEPTHWISE),
    "QSeparableConv1D": _like("SeparableConv1D", **_SEPARABLE),
    "QSeparableConv2D": _like("SeparableConv2D", **_SEPARABLE),
    "QBatchNormalization": layer(
        "epsilon center scale beta_quantizer gamma_quantizer mean_quantizer variance_quantizer inverse_quantizer",
        axis=works("the last one: for others QKeras stops"),
        activation=works("QKeras does not apply it"),
    ),
    **{f"Q{name}": _recurrent(name) for name in ("SimpleRNN", "LSTM", "GRU")},
    "QSimpleRNNCell": _cell("SimpleRNNCell"),
    "QLSTMCell": _cell("LSTMCell"),
    "QGRUCell": _cell("GRUCell"),
    "QBidirectional": KERAS["Bidirectional"],
    "QConv2DBatchnorm": _like("Conv2D", **_ONE_KERNEL, **_FOLDED, mask=works("QKeras does not apply it")),
    "QDepthwiseConv2DBatchnorm": _like("DepthwiseConv2D", **_DEPTHWISE, **_FOLDED),
    "QDenseBatchnorm": _like("Dense", **_ONE_KERNEL, **_FOLDED),
    "QAdaptiveActivation": layer(
        "total_bits current_step symmetric per_channel po2_rounding relu_neg_slope relu_upper_bound", **_QACTIVATION
    ),
    "QAveragePooling2D": _like("AveragePooling2D", average_quantizer=_QUANTIZER),
    "QGlobalAveragePooling2D": _like("GlobalAveragePooling2D", average_quantizer=_QUANTIZER),
    "QScaleShift": layer("weight_quantizer bias_quantizer use_bias", **_QACTIVATION),
    **dict.fromkeys(
        ("QDepthwiseConv2DTranspose", "QSeparableConv2DTranspose"),
        refused_layer("hls4ml has no C++ for it", "use a QConv2DTranspose, or UpSampling2D and a QConv2D behind it"),
    ),
}
