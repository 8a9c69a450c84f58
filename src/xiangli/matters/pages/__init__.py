"""Pages of matters: the way to one, the queue and what can be done with several at once, the list of a day on paper."""
