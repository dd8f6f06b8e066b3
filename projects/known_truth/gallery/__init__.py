"""Figures of what models see in clips: motion features, offsets, poses."""
