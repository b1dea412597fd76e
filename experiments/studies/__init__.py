"""Measurements too long for a notebook, each with its command and its results in data/results.

A notebook reads the results, computes a stated slice of them again, and asserts that both agree.
"""
