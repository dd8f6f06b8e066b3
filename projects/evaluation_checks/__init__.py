"""The metrics held against the original toolkits, the readers fuzzed."""
