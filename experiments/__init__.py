"""What produces what ships: trainings of the nets, and studies whose results stand in data/results.

`python -m experiments` lists them, `python -m experiments NAME` runs one. Imports `lecture_utils`, never the other way.
"""

import lecture_utils  # noqa: F401  before torch: its idle threads shall sleep
