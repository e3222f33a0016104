"""Break-glass: a record opened in an emergency, with a reason, for a while, and reviewed after."""
