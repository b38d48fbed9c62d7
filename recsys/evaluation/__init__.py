"""Offline evaluation: how well slates would have met what shoppers wanted next, and whether that can be believed."""
