"""A rule within its stages becomes a recipe: the kernels of a step."""
