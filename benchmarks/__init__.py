"""How fast thincopt is: against a floor of bare memory traffic, and against its peers. Run it with `make bench`."""
