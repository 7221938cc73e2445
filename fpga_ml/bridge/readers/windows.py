"""Which pixels lie under each window of a convolution or a pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpga_ml.bridge.readers.registry import (
    Index,
)


def windows(node: Any, prefix: str = "filt") -> Index:
    """(pixels, window) numbers of the input pixels under each window, -1 in the padding."""
    a = node.get_attr
    two = len(node.get_input_variable().shape) == 3
    width = a("in_width") if a("in_width") is not None else a("n_in")
    out_width = a("out_width") if a("out_width") is not None else a("n_out")
    rows = (
        [(a("in_height"), a("out_height"), a(f"{prefix}_height"), a("stride_height"), a("pad_top"))]
        if two
        else [(1, 1, 1, 1, 0)]
    )
    columns = (width, out_width, a(f"{prefix}_width"), a("stride_width"), a("pad_left"))

    def axis(size: int, out: int, window: int, stride: int, pad: int) -> Index:
        at = np.arange(out)[:, None] * stride - pad + np.arange(window)
        return np.where((at >= 0) & (at < size), at, -1)

    y, x = axis(*rows[0]), axis(*columns)
    both = y[:, None, :, None] * int(width) + x[None, :, None, :]
    both = np.where((y[:, None, :, None] < 0) | (x[None, :, None, :] < 0), -1, both)
    return both.reshape(y.shape[0] * x.shape[0], -1)


def channels_of(pixels: Index, channels: int) -> Index:
    """(..., channels) element numbers of pixels, channels last."""
    return np.where(pixels[..., None] < 0, -1, pixels[..., None] * channels + np.arange(channels))
