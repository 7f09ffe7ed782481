"""Writing together, full screen: the draft, what the model would say next, and a key for everything."""
