"""The bill itself: usage rows and adjustments become lines, with the tags and the day from which they show."""
