"""The documentation site: pages of prose, and pages made from the registries."""
