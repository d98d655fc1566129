"""The one way in for terminals: their five addresses and their pictures (decision 0027)."""
