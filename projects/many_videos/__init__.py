"""Many videos: faults, throughput, and ten thousand of them simulated."""
