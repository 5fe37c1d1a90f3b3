"""What an optimizer is at one moment, and what a call does: settings, keys and their state, checks, policies."""
