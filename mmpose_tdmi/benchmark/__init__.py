"""Systems compared on generated clips, whose truth is known."""
