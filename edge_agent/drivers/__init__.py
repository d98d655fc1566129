"""What touches the world: cameras, relays, thermometers, clocks; no people and no rules."""
