"""Tables of anatomy: names, axes, limits, landmarks. Nothing here optimises or reads files."""
