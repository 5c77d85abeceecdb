"""Proofs in SymPy of the formulas that the theory modules compute; `sparsesim.theory.symbolic` lists and runs them."""
