"""The registry of claims: one module a section, in the order of the paper and then of later work."""

from experiments.claims import least_squares, regions, scales, spectrum, stability, words

SECTIONS = (least_squares, scales, stability, spectrum, regions, words)
