"""The engines of rare-class logistic regression."""
