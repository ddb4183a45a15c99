"""What a Cargo package says of itself."""
