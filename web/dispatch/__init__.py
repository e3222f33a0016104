"""The dispatch desk: what a region's dispatcher sees and suggests, and what people order."""
