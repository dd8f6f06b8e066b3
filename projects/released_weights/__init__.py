"""Models with released weights, held against the code of their release."""
