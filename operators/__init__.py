"""What a person can do: one file per verb. Each reads its properties, lets core work and hands the result to scene."""
