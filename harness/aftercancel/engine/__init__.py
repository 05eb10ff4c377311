"""pytest as the engine: cells as items, measured in batches behind the items' backs."""
