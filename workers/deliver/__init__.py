"""Deliver: changes get their numbers and go on to whoever reads."""
