"""What produces what ships: trainings of the nets, and studies whose results stand in data/results.

`python -m experiments` lists them, `python -m experiments NAME` runs one. Imports `lecture_utils`, never the other way.
"""
