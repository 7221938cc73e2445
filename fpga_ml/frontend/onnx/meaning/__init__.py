"""What the operations of ONNX and QONNX compute, as their definitions say it, in double precision. Nothing of Keras."""
