"""Pictures with exact Q*: rendered people, and large poses from real pictures."""
