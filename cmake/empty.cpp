// Source of the targets that only precompile headers.
