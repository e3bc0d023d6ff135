"""Drawing by tensor operations: tensors in, images out, on the device of their input."""
