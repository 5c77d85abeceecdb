"""Rare-class logistic regression: exact coefficients, drift, risk and limits."""
