"""Figures of the studies of rare-class logistic regression."""
