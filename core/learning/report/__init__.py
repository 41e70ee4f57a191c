"""The report on a body: bones inside the skin, soft tissue over them, bones against bones, joints and proportions.

What is measured and what it is compared with is explained in docs/body-report.md.
"""
