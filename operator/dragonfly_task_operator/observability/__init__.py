"""What the operator tells about itself: log events, and the redaction that everything it tells goes through."""
