"""Learning the open body: a population, a skeleton in each body, and SKEL's arrays from them (Keller et al. 2023)."""
