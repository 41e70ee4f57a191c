"""Arrays become Blender data here, and nowhere else."""
