"""Which blocks will be considered, and what that costs.

Not called ``plan``: that name of the package is the function that the library exports.
"""
