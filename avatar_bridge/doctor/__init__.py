"""What is wrong on this machine, and what to do about it: each check returns findings and raises nothing."""
