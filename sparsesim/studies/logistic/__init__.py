"""Studies of rare-class logistic regression, one module a study."""
