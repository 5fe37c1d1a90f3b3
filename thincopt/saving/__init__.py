"""The state as a tree by key and name, given out and taken over."""
