"""What the command-line tools are made of, as importable functions."""
