"""From a picture to tracked faces: detector, tracker, and the network under torch or onnxruntime."""
