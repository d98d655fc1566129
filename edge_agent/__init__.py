"""The software terminal: camera, face matching, relay and the device side of seed chapter 9."""
