"""Methods that only prove: fits, controls, probes, and algorithms as the papers write them.

The course teaches with `lecture_utils`; what is here measures whether its sentences hold.
"""
