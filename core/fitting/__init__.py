"""The least-squares solver, and what is fitted with it."""
