"""Files: safe readers and writers."""
