"""The paper, as pure functions: tensors in, tensors out, no files, any device. README.md maps it to them."""
