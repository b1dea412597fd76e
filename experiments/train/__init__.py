"""The trainings: each writes weights and a card into data/weights."""
