"""The first page: a region live, in plain HTML, CSS and JavaScript modules, with no build step."""
