"""The application: composition root, a folder per resource, CLI, front end. May import all."""
