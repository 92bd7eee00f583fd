"""Which photo belongs to which part: lists, columns, shares; photos alike stay together."""
