"""The office's pages: what administrators of Splynx see and change."""
