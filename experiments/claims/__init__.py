"""The registry of claims: one module a section, in the order of the paper and then of later work."""

from experiments.claims import discussion, least_squares, momentum, vocabulary

SECTIONS = (least_squares, discussion, momentum, vocabulary)
