"""How a campaign file is read: where each thing stands, what it may be, and whether it makes sense."""
