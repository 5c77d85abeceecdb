"""How far the main ODE is from the limits, as the theory's table prints it, for the tests of theory and of studies."""

# The table of docs/least_squares.md, section 6: sup error of R at d = 1e2, 1e4, 1e6, 1e8, as it is printed.
TABLE = {
    "A": ((0.25, 1.5, 0.5), "4.6e-02 5.0e-03 5.1e-04 5.1e-05"),
    "B": ((0.3, 0.5, 0.4), "5.0e-02 1.4e-02 2.5e-03 4.0e-04"),
    "C": ((0.3, 0.5, 1.2), "2.3e-02 4.3e-03 7.7e-04 1.2e-04"),
    "D": ((0.8, 0.3, 0.2), "6.6e-03 4.8e-04 3.7e-04 1.1e-04"),
    "E": ((0.8, 0.3, 0.8), "2.6e-02 1.1e-03 3.5e-04 1.1e-04"),
    "F": ((0.8, 0.3, 2.0), "1.4e-02 4.8e-03 1.3e-03 5.5e-04"),
    "resonance-dense": ((0.3, 0.5, 0.8), "2.9e-02 8.1e-04 5.9e-06 1.5e-07"),
    "resonance-sparse": ((0.8, 0.3, 1.5), "1.0e-02 1.5e-03 8.3e-04 3.2e-04"),
    "dense-sparse-above": ((0.5, 0.5, 1.5), "3.7e-02 3.6e-03 3.6e-04 3.6e-05"),
    "dense-sparse-below": ((0.5, 0.5, 0.5), "5.5e-02 6.2e-03 6.4e-04 6.4e-05"),
    "triple-point": ((0.5, 0.5, 1.0), "2.0e-02 1.5e-03 1.5e-04 1.5e-05"),
    "noise-line": ((0.25, 1.25, 0.5), "4.3e-02 4.8e-03 4.8e-04 4.8e-05"),
}
