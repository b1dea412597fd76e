"""The classes, in the order of their labels. Importing a module registers its classes."""

from . import animals, vehicles, things, buildings  # noqa: F401, I001
