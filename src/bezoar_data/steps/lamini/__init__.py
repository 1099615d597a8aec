"""The LaMini scheme: new instructions from examples of instructions and from topics, then short responses to them."""
