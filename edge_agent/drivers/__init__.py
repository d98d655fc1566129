"""Drivers of what touches the world: cameras, relays, thermometers, clocks, the console."""
