"""What starts a job and is told to cancel it: one file for each runner."""
