"""Which worker gets a job: pure functions from what is known to a decision."""
