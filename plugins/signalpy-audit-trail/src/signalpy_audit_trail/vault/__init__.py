"""The keys of subjects and the values of tokens, in a small store of their own beside the trail."""
