"""Training loops of other libraries: one file for each, which imports that library, and which nothing else imports."""
