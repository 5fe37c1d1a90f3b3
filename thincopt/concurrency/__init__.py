"""Threads, signals and forks: a call does all of its work or none, whatever comes between."""
