"""Reading brain CT slices with two convolutional networks: everything but the screen."""

import os

# ONNX Runtime would keep an identifier of this machine on the disk, and tell its maker of each use.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
