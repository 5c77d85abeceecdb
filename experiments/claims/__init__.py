"""The registry of claims: one module a section, in the order of the paper and then of later work."""

from experiments.claims import (
    discussion,
    least_squares,
    logistic,
    logistic_limits,
    momentum,
    regions,
    scales,
    spectrum,
    stability,
    vocabulary,
    words,
)

SECTIONS = (
    least_squares,
    scales,
    stability,
    spectrum,
    regions,
    words,
    logistic,
    logistic_limits,
    discussion,
    momentum,
    vocabulary,
)
