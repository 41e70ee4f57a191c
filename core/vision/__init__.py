"""Pictures in, people out: BlazePose through LiteRT."""
