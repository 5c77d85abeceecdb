"""The registry of claims: one module a section, in the order of the paper and then of later work."""

from experiments.claims import least_squares, logistic, logistic_limits

SECTIONS = (least_squares, logistic, logistic_limits)
