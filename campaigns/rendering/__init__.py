"""From template and context to subject, HTML and text: compile once, render per recipient in a sandbox."""
