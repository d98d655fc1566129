"""Recognition of faces: models, the library in memory, and people entered at the terminal."""
