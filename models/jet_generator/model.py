"""A small generator of jet images, after LAGAN (de Oliveira, Paganini, Nachman, arXiv:1701.05927).

LAGAN's locally connected layers exist neither in Keras 3 nor in hls4ml: upsampling and convolutions stand in. Images are
16x16 pixels over 0.776x0.776 (2x2 pixels of the 33x33 images joined, the last row and column dropped), one channel: pT.
"""

from __future__ import annotations

import keras
from keras import layers

LATENT = 32
SIDE = 16
PT_UNIT_GEV = 16.0  # of the pixels that the generator gives


def build(filters: tuple[int, int] = (16, 16)) -> keras.Model:
    """(32,) normal numbers to an image (16, 16, 1) of pT in units of 16 GeV."""
    first, second = filters
    inputs = keras.Input((LATENT,), name="latent")
    x = layers.Dense(4 * 4 * first, kernel_initializer="he_normal", name="fc")(inputs)
    x = layers.ReLU(name="relu1")(x)
    x = layers.Reshape((4, 4, first), name="reshape")(x)
    for i, n in ((1, first), (2, second)):
        x = layers.UpSampling2D(2, name=f"up{i}")(x)
        x = layers.Conv2D(n, 3, padding="same", kernel_initializer="he_normal", name=f"conv{i}")(x)
        x = layers.ReLU(name=f"relu{i + 1}")(x)
    x = layers.Conv2D(1, 3, padding="same", kernel_initializer="he_normal", name="conv3")(x)
    return keras.Model(inputs, layers.ReLU(name="image")(x), name="jet_generator")


def discriminator(features: int) -> keras.Model:
    """[image (16, 16, 1), physics features] to a logit: real above 0."""
    image, physics = keras.Input((SIDE, SIDE, 1)), keras.Input((features,))
    x = image
    for n in (16, 32):
        x = layers.Conv2D(n, 3, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Concatenate()([layers.Dense(64)(layers.Flatten()(x)), layers.Dense(64)(physics)])
    for n in (64, 32):
        x = layers.Dense(n)(layers.LeakyReLU(negative_slope=0.2)(x))
    return keras.Model([image, physics], layers.Dense(1)(layers.LeakyReLU(negative_slope=0.2)(x)), name="discriminator")
