"""The world in miniature: scenes, networks trained on them, brains planted in them, and files as labs have them."""
