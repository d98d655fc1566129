"""The way to the platform: chapter 9 of the seed."""
