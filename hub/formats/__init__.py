"""How numbers and dates are written, by language; what is not said here is Django's own."""
